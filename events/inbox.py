"""The inbox: what providers post is stored by number, raw, before anybody looks into it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.encryption import Sealed
from accounts.wake import wake
from events.models import RawPayload
from phone_numbers.models import Number
from phone_numbers.providers.base import Part

NORMALIZE = "events.tasks.normalize"


def store(provider: str, parts: Sequence[Part], number: Number | None = None) -> list[RawPayload]:
    """Stores the parts of one POST, each for its own number, and wakes the normalize drain; one transaction.

    `number` is the number of the door, where the door names one. A part for a number that is not ours is kept as
    unroutable.
    """
    now = timezone.now()
    rows: list[RawPayload] = []
    by_ref, by_account = _numbers(provider, parts)
    for part in parts:
        if number is not None:
            targets = [number]
        elif part.ref is not None:
            targets = by_ref.get(part.ref, [])
        else:
            targets = by_account.get(part.account_ref or "", [])
        rows += [_row(provider, part, target, now) for target in targets] or [
            _unroutable(provider, part, now)
        ]
    with transaction.atomic():
        RawPayload.objects.bulk_create(rows)
        wake(NORMALIZE)
    return rows


def run_again(payloads: Sequence[RawPayload]) -> int:
    """Puts payloads that failed, were ignored or found no number back into the inbox; returns how many."""
    now = timezone.now()
    again = []
    with transaction.atomic():
        for payload in payloads:
            if payload.status == RawPayload.Status.PENDING or payload.blanked_at is not None:
                continue
            if payload.number_id is None:
                payload.number = (
                    Number.objects.active()
                    .filter(provider=payload.provider, provider_ref=payload.provider_ref)
                    .exclude(provider_ref="")
                    .first()
                )
                if payload.number is None:
                    continue
            payload.status, payload.reason, payload.due_at = RawPayload.Status.PENDING, "", now
            payload.tries, payload.lease = 0, None
            again.append(payload)
        RawPayload.objects.bulk_update(again, ["number", "status", "reason", "due_at", "tries", "lease"])
        if again:
            wake(NORMALIZE)
    return len(again)


def _numbers(provider: str, parts: Sequence[Part]) -> tuple[dict[str, list[Number]], dict[str, list[Number]]]:
    refs = {part.ref for part in parts if part.ref is not None}
    accounts = {part.account_ref for part in parts if part.ref is None and part.account_ref}
    active = Number.objects.active().filter(provider=provider)
    by_ref: dict[str, list[Number]] = {}
    by_account: dict[str, list[Number]] = {}
    if refs:
        for number in active.filter(provider_ref__in=refs):
            by_ref.setdefault(number.provider_ref, []).append(number)
    if accounts:
        for number in active.filter(account_ref__in=accounts):
            by_account.setdefault(number.account_ref, []).append(number)
    return by_ref, by_account


def _row(provider: str, part: Part, number: Number, now: datetime) -> RawPayload:
    return RawPayload(
        provider=provider,
        number=number,
        provider_ref=number.provider_ref,
        body=number.seal(part.body) or "",
        received_at=now,
        due_at=now,
    )


def _unroutable(provider: str, part: Part, now: datetime) -> RawPayload:
    return RawPayload(
        provider=provider,
        provider_ref=(part.ref or part.account_ref or "")[:300],
        # Whose number it is, or was, is not known, nor how much of it may be kept.
        body=Sealed(part.body),
        status=RawPayload.Status.UNROUTABLE,
        reason="No active number here has this reference.",
        received_at=now,
    )
