"""Sending through WAHA. https://waha.devlike.pro/docs/how-to/send-messages/"""

import mimetypes
from collections.abc import Mapping
from typing import Any

from phone_numbers import gateway_http
from phone_numbers.gateway_http import Answer
from phone_numbers.payloads import record, text
from phone_numbers.providers.base import Outgoing, SendResult, SendState
from phone_numbers.providers.waha.message_ids import accepted_id

# The call for a type of media, and the MIME type where the link's ending does not tell one.
CALLS = {
    "image": ("sendImage", "image/jpeg"),
    "video": ("sendVideo", "video/mp4"),
    "audio": ("sendVoice", "audio/ogg; codecs=opus"),
    "sticker": ("sendSticker", "image/webp"),
    "document": ("sendFile", "application/octet-stream"),
}
# WhatsApp plays only these; WAHA converts the rest when asked to.
PLAYABLE = {"video": (".mp4",), "audio": (".ogg", ".oga", ".opus")}


def send(credentials: Mapping[str, Any], outgoing: Outgoing) -> SendResult:
    """Sends one message. The acceptance counts as the first rung, since GOWS never reports ack 1; only where the
    answer itself says that the message is still pending (ack 0: WEBJS, NOWEB) is ack 1 waited for.
    """
    if outgoing.media and outgoing.media_type in ("audio", "sticker") and outgoing.text:
        return SendResult(
            state=SendState.REFUSED,
            error=f"WhatsApp has no caption for {outgoing.media_type}: send the text as a message of its own.",
            error_code="CAPTION_NOT_SUPPORTED",
        )
    path, body = request(outgoing)
    answer = call(credentials, "POST", f"/api/{path}", body | {"session": credentials.get("session", "")})
    if answer.is_success and not answer.is_page:
        message_id = accepted_id(answer.body) or None
        is_pending = message_id is not None and _ack(answer.body) == 0
        return SendResult(state=SendState.ACCEPTED, message_id=message_id, at_server=not is_pending)
    if answer.status == 422 and text(record(answer.body).get("status")) == "STARTING":
        return SendResult(state=SendState.RETRY, error=answer.sentence, error_code="422")
    return gateway_http.refusal(answer)


def request(outgoing: Outgoing) -> tuple[str, dict[str, Any]]:
    """Returns the call and its JSON, the session apart."""
    body: dict[str, Any] = {"chatId": chat_id(outgoing)}
    if not outgoing.media:
        return "sendText", body | {"text": outgoing.text}
    media_type = outgoing.media_type if outgoing.media_type in CALLS else "document"
    path, fallback = CALLS[media_type]
    name = outgoing.file_name
    guessed = mimetypes.guess_type(name)[0]
    file = {"url": outgoing.media, "mimetype": fallback if media_type == "audio" else guessed or fallback}
    if outgoing.filename or (media_type == "document" and name):
        file["filename"] = name
    body["file"] = file
    if outgoing.text:
        body["caption"] = outgoing.text
    if media_type in PLAYABLE:
        body["convert"] = not name.lower().endswith(PLAYABLE[media_type])
    return path, body


def chat_id(outgoing: Outgoing) -> str:
    if outgoing.group_id:
        return outgoing.group_id if "@" in outgoing.group_id else f"{outgoing.group_id}@g.us"
    if outgoing.newsletter_id:
        return (
            outgoing.newsletter_id
            if "@" in outgoing.newsletter_id
            else f"{outgoing.newsletter_id}@newsletter"
        )
    return f"{outgoing.phone.removeprefix('+')}@c.us"


def call(
    credentials: Mapping[str, Any],
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    timeout: tuple[float, float] = gateway_http.TIMEOUT,
) -> Answer:
    api_key = str(credentials.get("apiKey", ""))
    return gateway_http.ask(
        method,
        f"{credentials.get('baseUrl', '')}{path}",
        headers={"X-Api-Key": api_key},
        body=body,
        secrets=(api_key, str(credentials.get("hmacKey", ""))),
        timeout=timeout,
    )


def _ack(body: Any) -> Any:
    answer = record(body)
    return answer["ack"] if "ack" in answer else record(answer.get("_data")).get("ack")
