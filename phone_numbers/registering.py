"""Numbers come and go: registered, removed for 30 days, restored, purged."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings as project
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.api import ApiError
from accounts.models import ApiKey, Workspace
from accounts.wake import wake
from phone_numbers.lifecycle import NumberChange, NumberChangeKind, announce, connect
from phone_numbers.models import RESTORABLE_FOR, Number, Purge
from phone_numbers.number_settings import merged
from phone_numbers.phones import to_e164
from phone_numbers.providers import REGISTRY, get_provider
from phone_numbers.providers.base import Config, ConfigError
from phone_numbers.reports import ConnectionState
from phone_numbers.signals import purge_begun


def available_providers() -> list[str]:
    """The providers that a number can be registered at; the simulator only where DEMO is on."""
    return [name for name in REGISTRY if name != "simulator" or project.DEMO]


def register(
    workspace: Workspace,
    name: str,
    phone: str,
    provider: str = "",
    config: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Number:
    """Registers a phone, as anybody writes it, at a provider ("": the simulator where DEMO is on).

    Announces created, and connected where the provider has it connected from the start. Raises ApiError:
    400 INVALID_NUMBER, PROVIDER_REQUIRED, UNKNOWN_PROVIDER, INVALID_PROVIDER_CONFIG;
    409 NUMBER_ALREADY_ACTIVE, NUMBER_SOFT_DELETED, PROVIDER_CONFIG_IN_USE.
    """
    e164 = to_e164(phone)
    if not e164:
        raise ApiError(
            400,
            "INVALID_NUMBER",
            "number is not a phone number with its country code, such as +447700900123.",
        )
    provider = _known(provider)
    checked = _checked(provider, config or {}, e164)
    now = timezone.now()
    number = Number(
        workspace=workspace,
        name=name,
        phone=e164,
        provider=provider,
        provider_ref=checked.ref,
        account_ref=str(checked.credentials.get("wabaId") or ""),
        settings=merged({}, settings or {}),
        state_changed_at=now,
        created_at=now,
    )
    number.credentials = dict(checked.credentials)
    with transaction.atomic():
        _refuse_if_removed(workspace, e164, now)
        _insert(number)
        changes = [NumberChange(kind=NumberChangeKind.CREATED, number=number, at=now)]
        if checked.state is ConnectionState.CONNECTED:
            changes += connect([number], now)
        else:
            _ask_for_a_probe(number, now)
        announce(changes)
    return number


def remove(numbers: Sequence[Number]) -> None:
    """Takes active numbers out of service; they, and their keys, can be restored for 30 days. Announces removed."""
    now = timezone.now()
    with transaction.atomic():
        active = list(
            Number.objects.active()
            .filter(pk__in=[number.pk for number in numbers])
            .select_related("workspace")
            .order_by("pk")
            .select_for_update(no_key=True, of=("self",))
        )
        for number in active:
            number.deleted_at = now
            if number.state != Number.State.CLOSE:
                number.state, number.state_changed_at = Number.State.CLOSE, now
            number.suspect_since, number.suspect_reason, number.failed_probes = None, "", 0
            number.probe_due_at = None
        Number.objects.bulk_update(
            active,
            [
                "deleted_at", "state", "state_changed_at",
                "suspect_since", "suspect_reason", "failed_probes", "probe_due_at",
            ],
        )  # fmt: skip
        ApiKey.objects.active().filter(number_id__in=[number.pk for number in active]).update(revoked_at=now)
        announce([NumberChange(kind=NumberChangeKind.REMOVED, number=number, at=now) for number in active])
    by_id = {number.pk: number for number in active}
    for number in numbers:
        if number.pk in by_id:
            number.deleted_at, number.state = by_id[number.pk].deleted_at, by_id[number.pk].state


def restore(number: Number) -> None:
    """Puts a removed number, and the keys it had, back into service; a health check finds out whether it is connected.

    A purge that is under way is stopped; what it has erased is gone.

    Raises ApiError: 404 NUMBER_NOT_FOUND once its 30 days are over or it is erased; 409 NUMBER_ALREADY_ACTIVE,
    PROVIDER_CONFIG_IN_USE.
    """
    now = timezone.now()
    with transaction.atomic():
        try:
            number.refresh_from_db(from_queryset=Number.objects.select_for_update(no_key=True, of=("self",)))
        except Number.DoesNotExist as gone:
            raise ApiError(404, "NUMBER_NOT_FOUND", "This number was erased meanwhile.") from gone
        removed_at = number.deleted_at
        if removed_at is None:
            raise ApiError(
                409, "NUMBER_ALREADY_ACTIVE", "This number is active: there is nothing to restore."
            )
        if removed_at + RESTORABLE_FOR <= now:
            raise ApiError(
                404, "NUMBER_NOT_FOUND", "The 30 days in which this number could be restored are over."
            )
        Purge.objects.filter(number=number).delete()
        number.deleted_at = None
        number.state, number.state_changed_at = Number.State.CONNECTING, now
        try:
            with transaction.atomic():
                number.save(update_fields=["deleted_at", "state", "state_changed_at"])
        except IntegrityError as problem:
            raise _conflict(number) from problem
        ApiKey.objects.filter(number_id=number.pk, revoked_at=removed_at).update(revoked_at=None)
        _ask_for_a_probe(number, now)


def purge(numbers: Sequence[Number]) -> None:
    """Erases numbers and everything under them: messages, events, webhooks and their logs, API keys.

    In chunks, so that nobody waits for a lock on a million rows. What is interrupted leaves the numbers removed, and
    goes on when it is called again.
    """
    ids = [number.pk for number in numbers]
    with transaction.atomic():
        Number.objects.active().filter(pk__in=ids).update(
            deleted_at=timezone.now(), state=Number.State.CLOSE, probe_due_at=None
        )
        ApiKey.objects.filter(number_id__in=ids).delete()
    purge_begun.send(Number, numbers=list(numbers))
    with transaction.atomic():
        # In full, so that nobody adds rows under a number while what is under it is being deleted.
        list(Number.objects.filter(pk__in=ids).order_by("pk").select_for_update())
        Number.objects.filter(pk__in=ids).delete()


def _known(provider: str) -> str:
    if not provider and project.DEMO:
        return "simulator"
    offered = ", ".join(available_providers())
    if not provider:
        raise ApiError(400, "PROVIDER_REQUIRED", f"Name the provider of the number: {offered}.")
    if provider not in available_providers():
        raise ApiError(400, "UNKNOWN_PROVIDER", f"There is no provider of this name. There are: {offered}.")
    return provider


def _checked(provider: str, config: Mapping[str, Any], phone: str) -> Config:
    try:
        return get_provider(provider).configure(config, phone)
    except ConfigError as problem:
        raise ApiError(400, "INVALID_PROVIDER_CONFIG", f"providerConfig: {problem}") from problem


def _refuse_if_removed(workspace: Workspace, phone: str, now: datetime) -> None:
    removed = (
        Number.objects.filter(workspace=workspace, phone=phone, deleted_at__gt=now - RESTORABLE_FOR)
        .order_by("-deleted_at")
        .first()
    )
    if removed is not None and not Number.objects.active().filter(phone=phone).exists():
        raise ApiError(
            409,
            "NUMBER_SOFT_DELETED",
            "This number was deleted and can still be restored. Restore it, or purge it to register it anew.",
            {"numberId": removed.pk},
        )


def _insert(number: Number) -> None:
    try:
        with transaction.atomic():
            number.save(force_insert=True)
    except IntegrityError as problem:
        raise _conflict(number) from problem


def _conflict(number: Number) -> ApiError:
    if Number.objects.active().filter(phone=number.phone).exclude(pk=number.pk).exists():
        return ApiError(
            409,
            "NUMBER_ALREADY_ACTIVE",
            f"{number.phone} is registered and active already. Use that number, or delete it first.",
        )
    return ApiError(
        409,
        "PROVIDER_CONFIG_IN_USE",
        "Another active number uses the same account at this provider (phoneNumberId, instance or session).",
    )


def _ask_for_a_probe(number: Number, now: datetime) -> None:
    number.probe_due_at = now
    number.save(update_fields=["probe_due_at"])
    wake("phone_numbers.tasks.check_health")
