"""WAHA's webhooks, as its source and documentation have them for each engine; people and numbers are invented."""

from typing import Any

US = "+12025550143"
ADA = "447700900123@c.us"
ADA_NET = "447700900123@s.whatsapp.net"
ADA_LID = "38200000000187@lid"
OUR_LID = "87600000000143@lid"
GROUP = "120363404880000143@g.us"
CHANNEL = "120363417340000222@newsletter"
ME = {"id": "12025550143@c.us", "pushName": "Shop", "lid": OUR_LID, "jid": "12025550143:12@s.whatsapp.net"}
Payload = dict[str, Any]


def webhook(event: str, payload: Any, engine: str = "NOWEB", **envelope: Any) -> Payload:
    return {
        "id": "evt_01kg0000000000000000000001",
        "session": "shop-main",
        "event": event,
        "payload": payload,
        "timestamp": 1767231232077,
        "metadata": {},
        "me": ME,
        "environment": {"version": "2026.1.3", "engine": engine, "tier": "PLUS"},
    } | envelope


def common(body: str | None, **fields: Any) -> Payload:
    return {
        "id": f"false_{ADA}_3EB0ADA1",
        "timestamp": 1767229200,
        "from": ADA,
        "fromMe": False,
        "source": "app",
        "body": body,
        "to": None,
        "participant": None,
        "hasMedia": False,
        "media": None,
        "ack": 2,
        "ackName": "DEVICE",
        "location": None,
        "vCards": None,
        "replyTo": None,
    } | fields


def noweb(body: str | None, content: Any = None, key: Payload | None = None, **fields: Any) -> Payload:
    data = {
        "key": {"remoteJid": ADA_NET, "fromMe": False, "id": "3EB0ADA1"} | (key or {}),
        "messageTimestamp": 1767229200,
        "pushName": "Ada",
        "message": content if content is not None else {"conversation": body},
    }
    return webhook("message", common(body, _data=data) | fields)


def gows(body: str | None, content: Any = None, info: Payload | None = None, **fields: Any) -> Payload:
    data = {
        "Info": {
            "Chat": ADA_NET,
            "Sender": "447700900123:4@s.whatsapp.net",
            "IsFromMe": False,
            "IsGroup": False,
            "SenderAlt": "",
            "RecipientAlt": "",
            "ID": "3EB0ADA1",
            "PushName": "Ada",
            "Timestamp": "2026-01-01T01:00:00Z",
        }
        | (info or {}),
        "Message": content if content is not None else {"conversation": body},
    }
    return webhook("message", common(body, _data=data) | fields, "GOWS")


def webjs(kind: str, body: str | None, data: Payload | None = None, **fields: Any) -> Payload:
    raw = {
        "id": {"fromMe": False, "remote": ADA, "id": "3EB0ADA1", "_serialized": f"false_{ADA}_3EB0ADA1"},
        "type": kind,
        "t": 1767229200,
        "notifyName": "Ada",
        "from": {"server": "c.us", "user": "447700900123", "_serialized": ADA},
    } | (data or {})
    return webhook("message", common(body, _data=raw, to=ME["id"]) | fields, "WEBJS")


def ack(number: Any, name: str, event: str = "message.ack", **fields: Any) -> Payload:
    return webhook(
        event,
        {
            "id": f"true_{ADA}_3EB0OURS1",
            "from": ADA,
            "to": None,
            "participant": None,
            "fromMe": True,
            "ack": number,
            "ackName": name,
        }
        | fields,
    )


def session(status: str, **envelope: Any) -> Payload:
    history = [
        {"status": "STARTING", "timestamp": 1767232195000},
        {"status": status, "timestamp": 1767232200000},
    ]
    return webhook("session.status", {"name": "shop-main", "status": status, "statuses": history}, **envelope)


def reaction(text: str, engine: str = "NOWEB", **fields: Any) -> Payload:
    return webhook(
        "message.reaction",
        {
            "id": f"false_{ADA}_3EB0REACT1",
            "from": ADA,
            "fromMe": False,
            "participant": None,
            "timestamp": 1767229200,
            "reaction": {"text": text, "messageId": f"true_{ADA}_3EB0OURS1"},
        }
        | fields,
        engine,
    )


QUOTE = {
    "stanzaId": "3EB0OURS1",
    "participant": "12025550143@s.whatsapp.net",
    "quotedMessage": {"conversation": "Today?"},
}
GOWS_QUOTE = {
    "stanzaID": "3EB0OURS1",
    "participant": "12025550143@s.whatsapp.net",
    "quotedMessage": {"conversation": "Today?"},
}
GOWS_FLOW_ANSWER = {
    "interactiveResponseMessage": {
        "InteractiveResponseMessage": {"NativeFlowResponseMessage": {"paramsJSON": '{"day":"Monday"}'}}
    }
}
WEBJS_QUOTE = {
    "quotedStanzaID": "3EB0OURS1",
    "quotedParticipant": {"_serialized": "12025550143@c.us"},
    "quotedMsg": {"type": "chat", "body": "Today?"},
}
EVERY_KIND = [
    noweb("hello"),
    noweb(
        "yes",
        {"extendedTextMessage": {"text": "yes", "contextInfo": QUOTE}},
        replyTo={"id": "3EB0OURS1", "body": "Today?"},
    ),
    noweb(None, {"locationMessage": {"degreesLatitude": 51.5, "degreesLongitude": -0.12}}),
    gows("look", {"imageMessage": {"mimetype": "image/jpeg", "caption": "look"}}, hasMedia=True),
    gows(
        "lid", info={"Chat": ADA_LID, "Sender": ADA_LID, "SenderAlt": ADA_NET}, id=f"false_{ADA_LID}_3EB0ADA1"
    ),
    webjs(
        "document",
        "offer.pdf",
        media={"url": "http://localhost:3000/x.pdf", "filename": "offer.pdf"},
        hasMedia=True,
    ),
    webjs("vcard", None, vCards=["BEGIN:VCARD\nFN:Grace Hopper\nEND:VCARD"]),
    webhook("message", common("news", id=f"false_{CHANNEL}_3EB0NEWS", **{"from": CHANNEL})),
    reaction("👍"),
    ack(3, "READ"),
    ack(2, "DEVICE", "message.ack.group", id=f"true_{GROUP}_3EB0OURS1_{ADA_LID}", **{"from": GROUP}),
    session("WORKING"),
    session("SCAN_QR_CODE", me=None),
    webhook("group.v2.participants", {"group": {"id": GROUP}, "participants": [{"id": ADA_LID, "pn": ADA}]}),
]
