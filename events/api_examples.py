"""What the API's description shows of events."""

from datetime import datetime
from typing import Any

from accounts.api import encode_cursor
from events.catalog import BY_NAME
from events.placing import position_at

ID = "evt_01m838d6mmp2bg09w1awhmfgrr"
EVENT: dict[str, Any] = {
    "id": ID,
    "type": "message.received",
    "numberId": "num_01m838d6mmp2bg09w1awhmfgrr",
    "createdAt": "2026-02-24T10:30:00.000Z",
    "recordedAt": "2026-02-24T10:30:00.412Z",
    "body": BY_NAME["message.received"].example,
}
PAGE: dict[str, Any] = {
    "data": [EVENT],
    "nextCursor": encode_cursor(str(position_at(datetime.fromisoformat("2026-02-24T10:30:00.420Z")))),
    "hasMore": False,
}
