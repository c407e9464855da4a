"""What can be changed of a number: its name, its retention and its settings."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.api import ApiError
from phone_numbers.models import Number
from phone_numbers.reports import InboundMessage, Report
from phone_numbers.retention import apply_mode

MAX_RETENTION_DAYS = 3650

# Every setting, with its value where nobody has set it. None: as the provider does it.
DEFAULTS: dict[str, Any] = {
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
}


def merged(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the stored settings with a patch applied; None takes a setting back to its default."""
    return {key: value for key, value in {**stored, **patch}.items() if value is not None}


def in_force(number: Number) -> dict[str, Any]:
    """Returns every setting of a number with its value."""
    return {key: number.settings.get(key, default) for key, default in DEFAULTS.items()}


def unwanted(number: Number, report: Report) -> str:
    """Returns why a number's settings leave out what was reported, or ""."""
    if not isinstance(report, InboundMessage):
        return ""
    if report.newsletter_id and number.settings.get("ignoreNewsletters"):
        return "The settings of the number ignore channels."
    if report.group_id and number.settings.get("ignoreGroups"):
        return "The settings of the number ignore groups."
    return ""


def update(
    number: Number,
    *,
    name: str | None = None,
    pii_mode: str | None = None,
    pii_retention_days: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Changes what is given and leaves the rest. Days belong to STORE_X_DAYS alone, which needs them.

    Raises ApiError: 400 EMPTY_PATCH, RETENTION_DAYS_REQUIRED.
    """
    if name is None and pii_mode is None and pii_retention_days is None and not settings:
        raise ApiError(
            400, "EMPTY_PATCH", "Send at least one of name, piiMode, piiRetentionDays and settings."
        )
    with transaction.atomic():
        number.refresh_from_db(from_queryset=Number.objects.select_for_update(no_key=True))
        number.name = name or number.name
        number.pii_mode = pii_mode or number.pii_mode
        number.pii_retention_days = _days(number, pii_retention_days)
        number.settings = merged(number.settings, settings or {})
        number.save(update_fields=["name", "pii_mode", "pii_retention_days", "settings"])
        if pii_mode is not None or pii_retention_days is not None:
            apply_mode(number)


def _days(number: Number, given: int | None) -> int | None:
    if number.pii_mode != Number.PiiMode.STORE_X_DAYS:
        return None
    days = given or number.pii_retention_days
    if days is None:
        raise ApiError(
            400,
            "RETENTION_DAYS_REQUIRED",
            f"STORE_X_DAYS needs piiRetentionDays, from 1 to {MAX_RETENTION_DAYS}.",
        )
    return days
