"""Examples of the API's reference: one message of a shop, and what is said of it."""

from typing import Any

ID = "msg_01m838d6mmp2bg09w1awhmfgrr"
CORRELATION_ID = "order-1042"
MESSAGE_ID = "wamid.HBgLNDQ3NzAwOTAwMTIzFQIAERgSN0E4RjRBQkQxQzI2RjE5QzQ3AA=="
NUMBER_ID = "num_01m838d6mmp2bg09w1awhmfgrr"

ACCEPTED = {
    "id": ID,
    "correlationId": CORRELATION_ID,
    "status": "QUEUED",
    "createdAt": "2026-02-24T10:30:00.000Z",
    "origin": "API",
    "sourceNumber": "+12025550143",
}

MESSAGE: dict[str, Any] = {
    "id": ID,
    "externalMessageId": MESSAGE_ID,
    "correlationId": CORRELATION_ID,
    "status": "DELIVERED",
    "direction": "OUTBOUND",
    "numberId": NUMBER_ID,
    "sourceNumber": "+12025550143",
    "destinationNumber": "+447700900123",
    "groupId": None,
    "newsletterId": None,
    "messageType": "text",
    "createdAt": "2026-02-24T10:30:00.000Z",
    "sentAt": "2026-02-24T10:30:01.000Z",
    "deliveredAt": "2026-02-24T10:30:02.000Z",
    "readAt": None,
    "failedAt": None,
    "deliverAt": None,
    "deliverUntil": None,
    "errorCode": None,
    "errorMessage": None,
    "origin": "API",
    "metaPricing": None,
}

HISTORY = {
    "messages": [
        {
            "id": "msg_01m838f3r1zv5e3q9d8m6k2w7x",
            "conversationId": "5d9c68c6c50ed3d02a2fcf54f63993b6",
            "direction": "INBOUND",
            "providerKind": "meta",
            "externalMessageId": "wamid.HBgLNDQ3NzAwOTAwMTIzFQIAEhgUM0VCMDRBRTI4QjcA",
            "status": "RECEIVED",
            "messageType": "text",
            "origin": None,
            "text": "Yes please",
            "participantName": "Ada",
            "participantPhone": "+447700900123",
            "participantUserId": None,
            "repliedToExternalId": MESSAGE_ID,
            "media": None,
            "sentAt": None,
            "deliveredAt": None,
            "readAt": None,
            "providerTimestamp": "2026-02-24T10:31:00.000Z",
            "createdAt": "2026-02-24T10:31:00.000Z",
            "referral": None,
        }
    ],
    "total": 1,
    "page": 1,
    "pageSize": 30,
    "totalPages": 1,
}

TEXT = {
    "destinationNumber": "+447700900123",
    "text": "Shall we deliver today?",
    "correlationId": CORRELATION_ID,
}
PICTURE = {
    "destinationNumber": "+447700900123",
    "media": "https://shop.example/receipt.png",
    "mediaType": "image",
    "caption": "Your receipt",
}
# Of another century, so that the example is in the future whenever somebody tries it.
SCHEDULED = {
    "destinationNumber": "+447700900123",
    "text": "Your table is ready at eight.",
    "deliverAt": "2099-02-24T18:00:00Z",
    "deliverUntil": "2099-02-24T20:00:00Z",
}
GROUP = {"groupId": "120363404880000143@g.us", "text": "The shop opens at nine tomorrow."}
