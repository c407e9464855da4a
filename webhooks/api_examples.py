"""Examples of the API's reference: a webhook, one delivery to it, and what became of that."""

from typing import Any

from events.catalog import BY_NAME

ID = "wh_01m838d6mmp2bg09w1awhmfgrr"
DELIVERY_ID = "dlv_01m838d6mmp2bg09w1awhmfgrr"
EVENT_ID = "evt_01m838d6mmp2bg09w1awhmfgrr"
JOB_ID = "job_01m838d6mmp2bg09w1awhmfgrr"
NUMBER_ID = "num_01m838d6mmp2bg09w1awhmfgrr"
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105

WEBHOOK: dict[str, Any] = {
    "id": ID,
    "name": "Orders",
    "url": "https://shop.example/hooks/whatsapp",
    "events": ["message.failed", "message.reply"],
    "whatsappNumberId": NUMBER_ID,
    "active": True,
    "disabledReason": "",
    "disabledAt": None,
    "ordering": "none",
    "maxInFlight": 10,
    "failingSince": None,
    "consecutiveFailures": 0,
    "lastAttemptAt": "2026-02-24T10:30:01.000Z",
    "lastSuccessAt": "2026-02-24T10:30:01.000Z",
    "createdAt": "2026-02-24T10:00:00.000Z",
    "updatedAt": "2026-02-24T10:00:00.000Z",
}
CREATED = WEBHOOK | {
    "events": ["message.failed", "message.reply"],
    "lastAttemptAt": None,
    "lastSuccessAt": None,
    "droppedEvents": [],
    "secret": _SECRET,
}
CHANGED = WEBHOOK | {"events": ["*"], "droppedEvents": []}
SECRET = {"secret": _SECRET, "previous": None, "previousExpiresAt": None}
ROTATED = {
    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "previous": _SECRET,
    "previousExpiresAt": "2026-02-25T10:30:00.000Z",
}
DELIVERY = {
    "id": DELIVERY_ID,
    "eventId": EVENT_ID,
    "event": "message.reply",
    "webhookId": ID,
    "trigger": "automatic",
    "status": "DELIVERED",
    "reason": None,
    "attempts": 1,
    "nextAttemptAt": None,
    "createdAt": "2026-02-24T10:30:00.000Z",
    "finishedAt": "2026-02-24T10:30:01.000Z",
}
_WAITING = {
    "status": "PENDING",
    "attempts": 0,
    "nextAttemptAt": "2026-02-24T10:30:00.000Z",
    "finishedAt": None,
}
AGAIN = DELIVERY | _WAITING | {"trigger": "manual"}
TESTED = DELIVERY | _WAITING | {"trigger": "test"}
LOGS = {
    "data": [
        {
            "id": "att_01m838d6mmp2bg09w1awhmfgrr",
            "deliveryId": DELIVERY_ID,
            "event": "message.reply",
            "eventId": EVENT_ID,
            "status": "SUCCESS",
            "outcome": "succeeded",
            "statusCode": 200,
            "payload": BY_NAME["message.reply"].example,
            "response": "ok",
            "error": None,
            "errorClass": None,
            "durationMs": 38,
            "attempt": 1,
            "trigger": "automatic",
            "createdAt": "2026-02-24T10:30:00.962Z",
        }
    ],
    "nextCursor": None,
}
JOB = {
    "id": JOB_ID,
    "webhookId": ID,
    "kind": "failed",
    "since": "2026-02-24T00:00:00.000Z",
    "status": "RUNNING",
    "total": 1200,
    "released": 400,
    "delivered": 310,
    "failed": 2,
    "waiting": 88,
    "createdAt": "2026-02-24T10:30:00.000Z",
    "finishedAt": None,
}
EXPLANATION = {
    "data": [
        {
            "webhookId": ID,
            "name": "Orders",
            "deleted": False,
            "state": "Delivered",
            "reason": "",
            "delivery": DELIVERY,
        }
    ]
}

REPLIES_AND_FAILURES = {
    "name": "Orders",
    "url": "https://shop.example/hooks/whatsapp",
    "events": ["message.reply", "message.failed"],
    "whatsappNumberId": NUMBER_ID,
}
EVERYTHING = {
    "name": "Archive",
    "url": "https://shop.example/hooks/archive",
    "events": ["*"],
    "whatsappNumberId": None,
}
