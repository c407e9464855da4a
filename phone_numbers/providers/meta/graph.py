"""Speaking to the Graph API: sending messages, and asking whether a number can.

https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

from typing import TYPE_CHECKING, Any

from django.conf import settings

from phone_numbers.gateway_http import Answer, Failure, ask
from phone_numbers.payloads import identifier, record, records, text
from phone_numbers.providers.base import Outgoing, ProbeResult, ProbeState, SendResult, SendState
from phone_numbers.reports import DisconnectCause

if TYPE_CHECKING:
    from phone_numbers.models import Number

# Errors that pass: unknown and temporary ones, and the rate limits of the app, the account, the number and the pair.
RETRYABLE = {1, 2, 4, 17, 32, 341, 613, 80007, 130429, 131000, 131016, 131048, 131056, 131057, 133004}
# The access token is missing, wrong or expired, or lacks the permission.
TOKEN_REFUSED = {0, 10, 190, 200}
PROBE_FIELDS = "id,status,display_phone_number,verified_name"
# `status` of a number that cannot send, with the cause where it is final. Any other can: FLAGGED is a warning,
# RESTRICTED and RATE_LIMITED are limits within which customers can still be answered.
NOT_CONNECTED = {
    "BANNED": DisconnectCause.BANNED,
    "DELETED": DisconnectCause.DELETED,
    "MIGRATED": DisconnectCause.DELETED,
    "DISCONNECTED": None,
    "PENDING": None,
    "UNVERIFIED": None,
}
UNAUTHORIZED = "Neither the number has an accessToken nor the server a META_ACCESS_TOKEN."


def send(number: "Number", outgoing: Outgoing) -> SendResult:
    if outgoing.newsletter_id:
        return SendResult(
            state=SendState.REFUSED,
            error="Meta has no channels to send to.",
            error_code="NOT_SUPPORTED_FOR_META",
        )
    token = _token(number)
    if not token:
        return SendResult(state=SendState.REFUSED, error=UNAUTHORIZED, error_code="ACCESS_TOKEN_MISSING")
    answer = _ask("POST", token, f"{number.provider_ref}/messages", _message(outgoing))
    if answer.is_success:
        message_id = identifier(next(iter(records(record(answer.body).get("messages"))), {}).get("id"))
        if message_id:
            return SendResult(state=SendState.ACCEPTED, message_id=message_id)
        return SendResult(state=SendState.UNKNOWN, error="Meta accepted the message without an id.")
    return _refusal(answer, token)


def probe(number: "Number") -> ProbeResult:
    """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account-to-number-current-status"""
    token = _token(number)
    if not token:
        # It only receives, and was set up to: nothing that happened to it, so nothing to report.
        return ProbeResult(state=ProbeState.CONNECTED, detail=f"Not asked. {UNAUTHORIZED}")
    answer = _ask("GET", token, f"{number.provider_ref}?fields={PROBE_FIELDS}")
    if answer.is_success:
        return _standing(record(answer.body))
    code, sentence = _error(answer, token)
    if code in TOKEN_REFUSED or answer.status == 401:
        return ProbeResult(state=ProbeState.DISCONNECTED, detail=sentence, error_code="ACCESS_TOKEN_REFUSED")
    if _is_missing(answer):
        return ProbeResult(
            state=ProbeState.DISCONNECTED,
            detail=sentence,
            cause=DisconnectCause.DELETED,
            error_code="DELETED",
        )
    return ProbeResult(state=ProbeState.UNKNOWN, detail=sentence)


def _standing(page: dict[str, Any]) -> ProbeResult:
    """What the page of a number says about it; a page that is not Graph's says nothing."""
    status = text(page.get("status")).upper()[:100]
    if status == "UNKNOWN" or not (status or identifier(page.get("id"))):
        return ProbeResult(state=ProbeState.UNKNOWN, detail=status or "Meta's answer is no number's page.")
    if status in NOT_CONNECTED:
        return ProbeResult(
            state=ProbeState.DISCONNECTED, detail=status, cause=NOT_CONNECTED[status], error_code=status
        )
    return ProbeResult(state=ProbeState.CONNECTED, detail=status or "CONNECTED")


def _is_missing(answer: Answer) -> bool:
    """Whether the number does not exist. Code 100 alone is any wrong parameter; its subcode 33 is a missing object."""
    error = record(record(answer.body).get("error"))
    return error.get("code") == 33 or (error.get("code") == 100 and error.get("error_subcode") == 33)


def _token(number: "Number") -> str:
    return str(number.credentials.get("accessToken") or settings.META_ACCESS_TOKEN)


def _ask(method: str, token: str, path: str, body: dict[str, Any] | None = None) -> Answer:
    return ask(
        method,
        f"{settings.META_GRAPH_URL}/{path}",
        headers={"Authorization": f"Bearer {token}"},
        body=body,
        secrets=(token,),
    )


def _message(outgoing: Outgoing) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "group" if outgoing.group_id else "individual",
        "to": outgoing.group_id or outgoing.phone,
        "biz_opaque_callback_data": outgoing.reference,
    }
    if not outgoing.media:
        return {**body, "type": "text", "text": {"body": outgoing.text}}
    kind = "audio" if outgoing.media_type == "voice" else outgoing.media_type
    media = {"link": outgoing.media}
    if outgoing.text and kind in ("image", "video", "document"):
        media["caption"] = outgoing.text
    if outgoing.filename and kind == "document":
        media["filename"] = outgoing.filename
    return {**body, "type": kind, kind: media}


def _refusal(answer: Answer, token: str) -> SendResult:
    code, sentence = _error(answer, token)
    if answer.failure is Failure.UNREACHED:
        return SendResult(state=SendState.RETRY, error=sentence, error_code="UNREACHED")
    if answer.failure is Failure.BROKEN:
        return SendResult(state=SendState.UNKNOWN, error=sentence, error_code="BROKEN")
    # An error that Graph itself words says that nothing was sent; a 5xx of something in between does not.
    passing = record(record(answer.body).get("error")).get("is_transient") is True
    failing = answer.status >= 500
    word = str(code if code is not None else answer.status or answer.failure).upper()
    if code in RETRYABLE or passing or answer.status in (429, 503) or (failing and code is not None):
        return SendResult(
            state=SendState.RETRY, error=sentence, error_code=word, retry_after=answer.retry_after
        )
    return SendResult(
        state=SendState.UNKNOWN if failing else SendState.REFUSED, error=sentence, error_code=word
    )


def _error(answer: Answer, token: str) -> tuple[int | None, str]:
    """Graph's error code, and its sentence: the details where there are any; never the token."""
    error = record(record(answer.body).get("error"))
    code = error.get("code")
    words = text(record(error.get("error_data")).get("details")) or text(error.get("message"))
    # Cleared before it is cut: a cut through the token would leave its beginning.
    sentence = " ".join(words.replace(token, "…").split()) or answer.sentence
    sentence = sentence or f"Meta answered {answer.status}."
    return (code if isinstance(code, int) and not isinstance(code, bool) else None), sentence[:500]
