"""Meta's webhooks, as its documentation has them; people and numbers are invented."""

from typing import Any

US = "+12025550143"
ADA = "447700900123"
ADA_BSUID = "GB.13491208655302741918"
PHONE_NUMBER_ID = "106540352242922"
WABA = "102290129340398"
OURS = "wamid.OURS1"
Payload = dict[str, Any]


def change(field: str, **value: Any) -> Payload:
    metadata = {"display_phone_number": "1 202-555-0143", "phone_number_id": PHONE_NUMBER_ID}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata} | value}


def envelope(*changes: Payload, waba: str = WABA) -> Payload:
    return {"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": list(changes)}]}


def contact(**fields: Any) -> Payload:
    return {"profile": {"name": "Ada"}, "wa_id": ADA} | fields


def message(kind: str | None = "text", contacts: Any = None, **fields: Any) -> Payload:
    """One message of Ada's; a field that is None is left out."""
    one = {"from": ADA, "id": "wamid.ADA1", "timestamp": "1771929000", "type": kind} | fields
    if kind == "text" and "text" not in fields:
        one["text"] = {"body": "good afternoon"}
    one = {key: value for key, value in one.items() if value is not None}
    return envelope(
        change("messages", contacts=[contact()] if contacts is None else contacts, messages=[one])
    )


def status(word: str, **fields: Any) -> Payload:
    one = {"id": OURS, "status": word, "timestamp": "1771929000", "recipient_id": ADA} | fields
    return envelope(change("messages", statuses=[one]))


def call(event: str, direction: str = "USER_INITIATED", **fields: Any) -> Payload:
    them, us = (ADA, US.removeprefix("+"))
    sides = {"from": us, "to": them} if direction == "BUSINESS_INITIATED" else {"from": them, "to": us}
    one = (
        {"id": "wacid.CALL1", "event": event, "direction": direction, "timestamp": "1771929000"}
        | sides
        | fields
    )
    return envelope(change("calls", contacts=[contact()], calls=[one]))


def call_status(word: str) -> Payload:
    one = {
        "id": "wacid.CALL1",
        "type": "call",
        "status": word,
        "timestamp": "1771929000",
        "recipient_id": ADA,
    }
    return envelope(change("calls", statuses=[one]))


def permission(**reply: Any) -> Payload:
    answer = {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"} | reply}
    return message("interactive", context={"from": "12025550143", "id": OURS}, interactive=answer)


EVERY_KIND = [
    message(),
    message(context={"from": "12025550143", "id": OURS}),
    message("image", image={"id": "1", "mime_type": "image/jpeg", "caption": "look", "sha256": "x"}),
    message("document", document={"id": "1", "mime_type": "application/pdf", "filename": "offer.pdf"}),
    message("reaction", reaction={"message_id": OURS, "emoji": "👍"}),
    message("location", location={"latitude": 51.5, "longitude": -0.12, "name": "Big Ben"}),
    message("contacts"),
    message("button", button={"text": "Yes", "payload": "yes"}, context={"from": "12025550143", "id": OURS}),
    message("interactive", interactive={"type": "list_reply", "list_reply": {"id": "1", "title": "Monday"}}),
    message(group_id="Y2FwaV9ncm91cA"),
    message("unsupported", errors=[{"code": 131051, "title": "Message type is not supported"}]),
    message("system", system={"type": "user_changed_number", "wa_id": "447700900999"}),
    message(contacts=[contact(wa_id=None, user_id=ADA_BSUID)], **{"from": None}, from_user_id=ADA_BSUID),
    message(contacts=[contact(user_id=ADA_BSUID)]),
    status("sent"),
    status("delivered", recipient_type="group", recipient_id="Y2FwaV9ncm91cA"),
    status("read", biz_opaque_callback_data="msg_1"),
    status(
        "failed",
        errors=[{"code": 131026, "title": "Undeliverable", "error_data": {"details": "No WhatsApp."}}],
    ),
    call("connect"),
    call("terminate", status="COMPLETED", duration=110, start_time="1771928890"),
    call_status("RINGING"),
    permission(expiration_timestamp="1772929000"),
    envelope(change("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE"})),
    envelope(change("message_template_status_update", event="APPROVED")),
]
