"""Examples of the API's reference: a shop's number, and its key."""

from typing import Any

ID = "num_01m838d6mmp2bg09w1awhmfgrr"
PHONE = "+12025550143"

SETTINGS: dict[str, Any] = {
    "historyImportEnabled": True,
    "webhookHistoricalMessages": False,
    "ignoreNewsletters": False,
    "markReadOnSend": True,
    "alwaysOnline": None,
    "rejectCall": None,
    "msgRejectCall": None,
    "readMessages": None,
    "ignoreGroups": None,
    "ignoreStatus": None,
    "appliesTo": {"history": "all", "advanced": "none", "sending": "none"},
}
NUMBER: dict[str, Any] = {
    "id": ID,
    "name": "Shop",
    "number": PHONE,
    "displayName": "Shop",
    "profileName": None,
    "provider": "meta",
    "instanceName": "106540352242922",
    "state": "OPEN",
    "isFullyConnected": True,
    "primaryLink": {"state": "OPEN", "connectedAt": "2026-02-24T10:00:00.000Z"},
    "secondaryLink": None,
    "ingestUrl": "https://webhooks.example.com/ingest/meta",
    "piiMode": "STORE_INDEFINITE",
    "piiRetentionDays": None,
    "settings": SETTINGS,
    "health": {"sendable": True, "reason": None},
    "meta": {"phoneNumberId": "106540352242922", "wabaId": "102290129340398"},
    "coexistence": {"status": "UNKNOWN", "evidence": None},
    "lastSeenAt": "2026-02-24T10:30:00.000Z",
    "createdAt": "2026-02-24T10:00:00.000Z",
    "updatedAt": "2026-02-24T10:00:00.000Z",
    "deletedAt": None,
    "restorableUntil": None,
    "extraChargeUnpaidSince": None,
    "extraChargeDisconnectAt": None,
}
LISTED = NUMBER | {
    "apiKeys": [{"name": "Key of Shop", "keyPrefix": "wak_5f1c0b7a9d3e", "keyLast4": "mW8y"}],
}
_PAIRING = {"qrcodeBase64": None, "pairingCode": None}
CREATED = {
    "instance": NUMBER,
    **_PAIRING,
    "linkedApiKeyId": None,
    "primaryLink": _PAIRING,
    "secondaryLink": None,
}
STATUS = {"id": ID, "state": "OPEN", "stale": False, "checkedAt": "2026-02-24T10:30:00.000Z"}
DELETED = {"ok": True, "restorableUntil": "2026-03-26T10:30:00.000Z"}
RESTORED = {"ok": True, "requiresReconnect": True}
PURGED = {"ok": True}

SIMULATED = {"name": "Till", "number": "+12025550199", "provider": "simulator"}
AT_META = {
    "name": "Shop",
    "number": "+12025550144",
    "provider": "meta",
    "providerConfig": {"phoneNumberId": "106540352242923", "wabaId": "102290129340398"},
}
AT_EVOLUTION = {
    "name": "Shop",
    "number": "+12025550145",
    "provider": "evolution",
    "providerConfig": {
        "baseUrl": "https://evolution.shop.example",
        "instance": "shop",
        "apiKey": "429683C4C977415CAAFCCE10F7D57E11",
    },
}
KEEP_30_DAYS = {"piiMode": "STORE_X_DAYS", "piiRetentionDays": 30}
NO_GROUPS = {"settings": {"ignoreGroups": True}}

KEY = {
    "numberId": ID,
    "number": PHONE,
    "displayName": "Shop",
    "keyId": "key_01m838d6mmp2bg09w1awhmfgrr",
    "keyLast4": "mW8y",
    "key": None,
    "revealable": False,
}
REGENERATED = {
    "numberId": ID,
    "keyId": "key_01m838d6mmp2bg09w1awhmfgrr",
    "keyPrefix": "wak_5f1c0b7a9d3e",
    "keyLast4": "mW8y",
    "key": "wak_5f1c0b7a9d3e_Qx3vN0tRk2Jh7LsP9yZcB4dXgA1eUmW8y",
    "createdAt": "2026-02-24T10:30:00.000Z",
}
