"""Evolution's webhooks, as its source and documentation have them; people and numbers are invented."""

from typing import Any

US = "+12025550143"
ADA = "447700900123@s.whatsapp.net"
ADA_LID = "69300000000187@lid"
GROUP = "120363321700000123@g.us"
Payload = dict[str, Any]


def webhook(event: str, data: Any, **envelope: Any) -> Payload:
    return {
        "event": event,
        "instance": "shop-main",
        "data": data,
        "destination": "https://hooks.example.com/evolution",
        "date_time": "2026-01-01T00:00:00.413Z",
        "sender": "12025550143@s.whatsapp.net",
        "server_url": "http://localhost:8080",
        "apikey": None,
    } | envelope


def message(content: Any, key: Payload | None = None, **fields: Any) -> Payload:
    """One message of Ada's in messages.upsert; `key` and `fields` are put over it."""
    return {
        "key": {"remoteJid": ADA, "fromMe": False, "id": "3EB0ADA1"} | (key or {}),
        "pushName": "Ada",
        "status": "DELIVERY_ACK",
        "message": content,
        "contextInfo": None,
        "messageType": "conversation",
        "messageTimestamp": 1767236400,
        "instanceId": "5f0e7d9c-0000-4000-8000-000000000001",
        "source": "android",
    } | fields


def upsert(content: Any, key: Payload | None = None, **fields: Any) -> Payload:
    return webhook("messages.upsert", message(content, key, **fields))


def update(**fields: Any) -> Payload:
    return webhook(
        "messages.update",
        {
            "keyId": "3EB0OURS1",
            "remoteJid": ADA,
            "fromMe": True,
            "status": "DELIVERY_ACK",
            "instanceId": "5f0e7d9c-0000-4000-8000-000000000001",
            "messageId": "cm0000000000000000000row1",
        }
        | fields,
    )


def connection(state: str, reason: Any = 200, **fields: Any) -> Payload:
    return webhook(
        "connection.update", {"instance": "shop-main", "state": state, "statusReason": reason} | fields
    )


EVERY_KIND = [
    upsert({"conversation": "good afternoon"}),
    upsert({"extendedTextMessage": {"text": "hi", "contextInfo": {"stanzaId": "3EB0Q", "participant": ADA}}}),
    upsert(
        {
            "imageMessage": {"mimetype": "image/jpeg", "caption": "look"},
            "mediaUrl": "https://s3.example.com/1",
        }
    ),
    upsert({"reactionMessage": {"key": {"id": "3EB0OURS1", "fromMe": True}, "text": "👍"}}),
    upsert({"locationMessage": {"degreesLatitude": 51.5, "degreesLongitude": -0.12, "name": "Big Ben"}}),
    upsert({"contactsArrayMessage": {"contacts": [{"displayName": "Grace", "vcard": "BEGIN:VCARD"}]}}),
    upsert({"viewOnceMessageV2": {"message": {"videoMessage": {"mimetype": "video/mp4"}}}}),
    upsert({"conversation": "all"}, {"remoteJid": GROUP, "participant": ADA_LID, "participantAlt": ADA}),
    webhook("messages.upsert", {"messages": [message({"conversation": "bulk"})], "type": "notify"}),
    webhook("send.message", message({"conversation": "ours"}, {"fromMe": True}, status="SERVER_ACK")),
    update(),
    webhook("messages.update", [{"key": {"remoteJid": ADA, "id": "3EB0OURS1"}, "update": {"status": 4}}]),
    connection("open", wuid="12025550143@s.whatsapp.net", profileName="Shop"),
    connection("close", 401),
    webhook("status.instance", {"status": "closed", "disconnectionReasonCode": 403}),
    webhook("contacts.upsert", [{"id": ADA_LID, "lid": ADA_LID, "phoneNumber": ADA}]),
]
