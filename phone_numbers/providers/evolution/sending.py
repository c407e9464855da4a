"""Sending through Evolution. https://doc.evolution-api.com/v2/api-reference/message-controller/send-text"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from phone_numbers import gateway_http
from phone_numbers.gateway_http import Answer
from phone_numbers.payloads import identifier, record
from phone_numbers.providers.base import Outgoing, SendResult, SendState

# The `mediatype` of sendMedia; audio and stickers have calls of their own.
MEDIA_TYPES = {"image": "image", "video": "video", "document": "document"}
# Baileys' words for a socket that is down while the instance still counts as open: nothing was sent.
SOCKET_IS_DOWN = re.compile(r"connection (closed|lost|terminated|failure)|socket is not open", re.IGNORECASE)
# WhatsApp's own limit, met by what Baileys asks before it sends.
TOO_FAST = re.compile(r"rate-overlimit")
# Evolution could not fetch the file from its link, and will not later.
NO_FILE = re.compile(r"status code 4(?!08|29)\d\d")


def send(credentials: Mapping[str, Any], outgoing: Outgoing) -> SendResult:
    """Sends one message. The acceptance is not the first rung: Baileys hands over before WhatsApp has acknowledged,
    and SERVER_ACK follows as messages.update. Only one without an id counts as sent: no status can find it.
    """
    if outgoing.media and outgoing.media_type in ("audio", "sticker") and outgoing.text:
        return SendResult(
            state=SendState.REFUSED,
            error=f"WhatsApp has no caption for {outgoing.media_type}: send the text as a message of its own.",
            error_code="CAPTION_NOT_SUPPORTED",
        )
    path, body = request(outgoing)
    answer = call(credentials, "POST", f"/message/{path}", body)
    if answer.is_success and not answer.is_page:
        key = record(record(answer.body).get("key"))
        message_id = identifier(key.get("id")) or None
        return SendResult(state=SendState.ACCEPTED, message_id=message_id, at_server=message_id is None)
    if _passes(answer):
        return SendResult(state=SendState.RETRY, error=answer.sentence, error_code=str(answer.status))
    if _failed_before_it_sent(answer):
        return SendResult(state=SendState.REFUSED, error=answer.sentence, error_code=str(answer.status))
    return gateway_http.refusal(answer)


def _passes(answer: Answer) -> bool:
    """Whether the answer says that nothing went out, and that it may later."""
    if answer.status >= 400 and (SOCKET_IS_DOWN.search(answer.sentence) or TOO_FAST.search(answer.sentence)):
        return True
    return _failed_before_it_sent(answer) and not NO_FILE.search(answer.sentence)


def _failed_before_it_sent(answer: Answer) -> bool:
    """Whether Evolution itself says 500: while it prepares a message it does; what fails once it sends is a 400."""
    return answer.status == 500 and bool(record(answer.body).get("response") and answer.sentence)


def request(outgoing: Outgoing) -> tuple[str, dict[str, Any]]:
    """Returns the call and its JSON."""
    body: dict[str, Any] = {"number": destination(outgoing)}
    if not outgoing.media:
        return "sendText", body | {"text": outgoing.text}
    if outgoing.media_type == "audio":
        return "sendWhatsAppAudio", body | {"audio": outgoing.media}
    if outgoing.media_type == "sticker":
        return "sendSticker", body | {"sticker": outgoing.media}
    body |= {"mediatype": MEDIA_TYPES.get(outgoing.media_type, "document"), "media": outgoing.media}
    if outgoing.text:
        body["caption"] = outgoing.text
    # Evolution takes the MIME type from the ending of the name, and without a name cuts the ending off the link's.
    if body["mediatype"] == "document" and outgoing.file_name:
        body["fileName"] = outgoing.file_name
    return "sendMedia", body


def destination(outgoing: Outgoing) -> str:
    """A phone goes as bare digits, which Evolution looks up at WhatsApp; groups and channels by their jid."""
    if outgoing.group_id:
        return outgoing.group_id if "@" in outgoing.group_id else f"{outgoing.group_id}@g.us"
    if outgoing.newsletter_id:
        return (
            outgoing.newsletter_id
            if "@" in outgoing.newsletter_id
            else f"{outgoing.newsletter_id}@newsletter"
        )
    return outgoing.phone.removeprefix("+")


def call(
    credentials: Mapping[str, Any],
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    timeout: tuple[float, float] = gateway_http.TIMEOUT,
    query: str = "",
) -> Answer:
    """Makes one call about the number's instance: `{baseUrl}{path}/{instance}`."""
    instance = quote(str(credentials.get("instance", "")), safe="")
    api_key = str(credentials.get("apiKey", ""))
    return gateway_http.ask(
        method,
        f"{credentials.get('baseUrl', '')}{path}/{instance}{query}",
        headers={"apikey": api_key},
        body=body,
        secrets=(api_key,),
        timeout=timeout,
    )
