"""Every code that the API answers a refusal with: the one table of them. docs/errors.md is written from it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorCode:
    """`status` is always the same for a code; `remedy` says what a caller does about it."""

    status: int
    meaning: str
    remedy: str


GROUPS: dict[str, dict[str, ErrorCode]] = {
    "Every call": {
        "UNAUTHORIZED": ErrorCode(
            401,
            "The call came without an API key.",
            "Send the key in the header x-api-key, or as a Bearer token.",
        ),
        "API_KEY_INVALID": ErrorCode(
            401,
            "There is no such key, or it was revoked, or replaced, or its number was deleted.",
            "Look the key up in the dashboard; it must be sent whole, as it was shown when it was made.",
        ),
        "NOT_FOUND": ErrorCode(
            404,
            "There is no call at this address.",
            "Compare the address with the reference: /docs lists every call.",
        ),
        "METHOD_NOT_ALLOWED": ErrorCode(
            405,
            "There is no such call at this address.",
            "Use one of the methods that the header Allow lists.",
        ),
        "INVALID_JSON": ErrorCode(
            400,
            "The body is not JSON in UTF-8.",
            "Mend what the sentence names; NaN, lone surrogates and NUL characters are not taken either.",
        ),
        "UNSUPPORTED_MEDIA_TYPE": ErrorCode(
            415, "The body is not declared as JSON.", "Send it with content-type: application/json."
        ),
        "PAYLOAD_TOO_LARGE": ErrorCode(
            413,
            "The body is larger than 4 MiB.",
            "Send less at once; media are sent as links, not in the body.",
        ),
        "INVALID_REQUEST": ErrorCode(
            400,
            "A field is missing, unknown or of the wrong form.",
            "details.fields names every such field and what is expected of it.",
        ),
        "EMPTY_PATCH": ErrorCode(
            400,
            "The change of a number or a webhook changes nothing.",
            "Send at least one of the fields that the sentence names.",
        ),
        "RATE_LIMITED": ErrorCode(
            429,
            "The key made too many calls within a minute, or wrong keys came from this address.",
            "Wait as many seconds as the header Retry-After says, then go on.",
        ),
        "SERVICE_UNAVAILABLE": ErrorCode(
            503,
            "The server's database does not answer at the moment.",
            "Wait as many seconds as the header Retry-After says, then repeat the call, a send with its "
            "Idempotency-Key.",
        ),
        "INTERNAL_ERROR": ErrorCode(
            500,
            "The server failed.",
            "Repeat the call after a moment, a send with its Idempotency-Key. If it lasts, tell the operator the "
            "`errorId` of its details, which the log names, too.",
        ),
    },
    "Lists": {
        "INVALID_LIMIT": ErrorCode(
            400, "limit is not a whole number from 1 to 100.", "Send one, or leave it out."
        ),
        "INVALID_CURSOR": ErrorCode(
            400,
            "cursor was not given out by this list.",
            "Send nextCursor of the page before, as it is; leave it out to begin anew.",
        ),
        "INVALID_DATE_RANGE": ErrorCode(
            400, "startDate is later than endDate.", "Swap them, or leave one out."
        ),
    },
    "Numbers": {
        "NUMBER_REQUIRED": ErrorCode(
            400,
            "The key is for the whole workspace, and the call does not say which number it is about.",
            "Name it in the header x-whatsapp-number-id or in whatsappNumberId.",
        ),
        "NUMBER_MISMATCH": ErrorCode(
            400,
            "The number named is not the one that the key, or the webhook, is for; or the call names two.",
            "Leave the number out, or name it once, with a key of the whole workspace; a webhook keeps its number.",
        ),
        "NUMBER_SCOPE_NOT_ALLOWED": ErrorCode(
            403, "The call needs a key of the whole workspace.", "Use one; this key is limited to one number."
        ),
        "NUMBER_NOT_FOUND": ErrorCode(
            404,
            "There is no number with this id that the key may see, or it is deleted.",
            "GET /v1/numbers lists those in service; a deleted one can be restored for 30 days.",
        ),
        "INVALID_NUMBER": ErrorCode(
            400, "number is not a phone number.", "Write it with its country code, such as +447700900123."
        ),
        "PROVIDER_REQUIRED": ErrorCode(400, "The provider of the number is not named.", "Send provider."),
        "UNKNOWN_PROVIDER": ErrorCode(
            400, "There is no provider of this name here.", "Send one of those that the sentence lists."
        ),
        "INVALID_PROVIDER_CONFIG": ErrorCode(
            400,
            "providerConfig lacks something, or holds what the provider cannot use.",
            "Mend what the sentence names.",
        ),
        "PROVIDER_CONFIG_IN_USE": ErrorCode(
            409,
            "Another active number uses the same phoneNumberId, instance or session.",
            "Delete that number first, or use another account at the provider.",
        ),
        "NUMBER_ALREADY_ACTIVE": ErrorCode(
            409, "The phone is registered and in service already.", "Use that number, or delete it first."
        ),
        "NUMBER_SOFT_DELETED": ErrorCode(
            409,
            "The phone belongs to a number that was deleted and can still be restored.",
            "Restore details.numberId, or purge it to register the phone anew.",
        ),
        "RETENTION_DAYS_REQUIRED": ErrorCode(
            400, "STORE_X_DAYS needs a number of days.", "Send piiRetentionDays, from 1 to 3650."
        ),
    },
    "Messages": {
        "MESSAGE_NOT_FOUND": ErrorCode(
            404,
            "There is no message with this id, correlationId or messageId that the key may see.",
            "Send the id of the 202, or a name from the webhooks.",
        ),
        "INVALID_DESTINATION": ErrorCode(
            400,
            "There is no destination, or more than one, or it is no phone number.",
            "Name exactly one of destinationNumber (such as +447700900123), groupId and newsletterId.",
        ),
        "INVALID_CONTENT": ErrorCode(
            400,
            "There is nothing to send, or a caption where WhatsApp shows none.",
            "Send a text, or media (a link) with its mediaType.",
        ),
        "INVALID_SCHEDULE": ErrorCode(
            400, "deliverUntil is not later than deliverAt and than now.", "Move it, or leave it out."
        ),
        "NOT_SUPPORTED": ErrorCode(
            400,
            "The message asks for what this server does not send: templates, buttons, lists and the like.",
            "details.field names it, and the sentence what to send instead.",
        ),
        "NOT_SUPPORTED_FOR_META": ErrorCode(
            400,
            "Meta's Cloud API cannot send this, such as a post to a channel.",
            "Use a number at another provider.",
        ),
        "WHATSAPP_INSTANCE_NOT_CONNECTED": ErrorCode(
            409,
            "The number is not connected to WhatsApp, so nothing can be sent from it.",
            "Connect it at its provider; GET /v1/numbers/{id}/status says when it is, then send again.",
        ),
        "IDEMPOTENCY_KEY_INVALID": ErrorCode(
            400,
            "Idempotency-Key is empty, too long or holds other characters than printable ASCII.",
            "Send 1 to 255 characters.",
        ),
        "IDEMPOTENCY_KEY_REUSED": ErrorCode(
            409,
            "The Idempotency-Key was used for another body within the last 24 hours.",
            "Use a new key for each message, and the same one only to repeat the same body.",
        ),
        "IDEMPOTENCY_KEY_IN_USE": ErrorCode(
            409,
            "Another call with this Idempotency-Key is still running.",
            "Repeat this one in a moment with the same key: it gets the first one's answer.",
        ),
    },
    "Webhooks and deliveries": {
        "WEBHOOK_NOT_FOUND": ErrorCode(
            404, "There is no webhook with this id that the key may see.", "GET /v1/webhooks lists them."
        ),
        "DELIVERY_NOT_FOUND": ErrorCode(
            404,
            "There is no delivery with this id that the key may see, or it has outlived its retention.",
            "GET /v1/webhooks/{id}/deliveries lists them.",
        ),
        "JOB_NOT_FOUND": ErrorCode(
            404,
            "There is no recovery with this id that the key may see.",
            "Send the jobId of POST …/recover.",
        ),
        "JOB_ENDED": ErrorCode(
            409, "The recovery is over, so it cannot be canceled.", "There is nothing left to do."
        ),
        "INVALID_URL": ErrorCode(
            400,
            "Webhooks cannot be sent to this URL: it is malformed, or leads to a private network.",
            "Send a public http(s) URL without user name and password.",
        ),
        "UNKNOWN_EVENT": ErrorCode(
            400,
            "There is no event of this name.",
            'details.events names them; GET /v1/event-types lists all there are, and "*" is every one.',
        ),
        "NOT_REPLAYABLE": ErrorCode(
            409, "Nothing can be sent: the sentence says why.", "Enable the webhook, or name what to send."
        ),
    },
    "Events": {
        "EVENT_NOT_FOUND": ErrorCode(
            404,
            "There is no event with this id that the key may see.",
            "Send the webhook-id of a delivery, or the eventId of a log.",
        ),
    },
}

CODES = {name: code for group in GROUPS.values() for name, code in group.items()}

HEAD = """\
# Errors

Every refusal has one shape, whatever refuses:

```json
{"error": "There is no webhook with this id that your key may see.", "code": "WEBHOOK_NOT_FOUND", "details": {}}
```

Branch on `code`: a code keeps its meaning and its HTTP status. `error` is a sentence for people, in the logs of whoever
called, and may be reworded. `details` holds what a program can use, such as the fields of an `INVALID_REQUEST`.

An answer that is none of these (a 502, HTML) is from a proxy before this server; a 400 in HTML says that the server
does not answer for the host name that was called (`ALLOWED_HOSTS`). This page is written by `make reference`.
"""


def page() -> str:
    """Returns docs/errors.md."""
    sections = [HEAD]
    for group, codes in GROUPS.items():
        rows = "".join(
            f"| `{name}` | {code.status} | {code.meaning} | {code.remedy} |\n" for name, code in codes.items()
        )
        sections.append(
            f"\n## {group}\n\n| code | status | meaning | what to do |\n|---|---|---|---|\n{rows}"
        )
    return "".join(sections)
