import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.api import ApiError
from accounts.models import ApiKey, Workspace
from phone_numbers.lifecycle import NumberChange
from phone_numbers.models import Number
from phone_numbers.registering import purge, register, remove, restore
from phone_numbers.signals import numbers_changed
from tests.conftest import Tenant
from tests.factories import ApiKeyFactory, MessageFactory, NumberFactory

PHONE = "+447700900199"
WAHA = {"baseUrl": "https://waha.example", "session": "till", "apiKey": "secret"}
META = {"phoneNumberId": "106540352242922", "accessToken": "secret", "wabaId": "102290129340398"}


@pytest.fixture
def news() -> Iterator[list[NumberChange]]:
    """What is announced, in order."""
    heard: list[NumberChange] = []

    def hear(changes: list[NumberChange], **kwargs: Any) -> None:
        assert connection.in_atomic_block
        heard.extend(changes)

    numbers_changed.connect(hear)
    yield heard
    numbers_changed.disconnect(hear)


def refusal(act: Any, *args: Any) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        act(*args)
    return caught.value.status_code, caught.value.code


def test_a_simulator_number_is_connected_at_once(alice: Tenant, news: list[NumberChange]) -> None:
    number = register(alice.workspace, "Shop", "+44 7700 900-199", "simulator")
    number.refresh_from_db()
    assert (number.workspace, number.name, number.phone) == (alice.workspace, "Shop", PHONE)
    assert number.state == Number.State.OPEN
    assert [(change.kind, change.number) for change in news] == [("created", number), ("connected", number)]


def test_a_number_elsewhere_is_connecting_until_it_is_probed(alice: Tenant, news: list[NumberChange]) -> None:
    number = register(alice.workspace, "Shop", PHONE, "waha", WAHA)
    number.refresh_from_db()
    assert number.state == Number.State.CONNECTING
    assert number.probe_due_at is not None
    assert [change.kind for change in news] == ["created"]


def test_a_meta_number_keeps_its_references_and_seals_its_token(alice: Tenant) -> None:
    number = Number.objects.get(pk=register(alice.workspace, "Shop", PHONE, "meta", META).pk)
    assert (number.provider_ref, number.account_ref) == ("106540352242922", "102290129340398")
    assert number.credentials["accessToken"] == "secret"
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials_json FROM numbers_number WHERE id = %s", [number.pk])
        assert "secret" not in cursor.fetchone()[0]


def test_the_provider_is_the_simulator_only_where_demo_is_on(alice: Tenant, settings: Settings) -> None:
    assert register(alice.workspace, "Shop", PHONE).provider == "simulator"
    settings.DEMO = False
    assert refusal(register, alice.workspace, "Shop", "+447700900198") == (400, "PROVIDER_REQUIRED")
    assert refusal(register, alice.workspace, "Shop", "+447700900198", "simulator") == (
        400,
        "UNKNOWN_PROVIDER",
    )


@pytest.mark.parametrize("phone", ["", "me", "12", "+0123456789", "+1234567890123456"])
def test_what_is_no_phone_is_refused(alice: Tenant, phone: str) -> None:
    assert refusal(register, alice.workspace, "Shop", phone) == (400, "INVALID_NUMBER")


def test_an_unknown_provider_is_refused(alice: Tenant) -> None:
    assert refusal(register, alice.workspace, "Shop", PHONE, "pigeon") == (400, "UNKNOWN_PROVIDER")


def test_a_config_that_cannot_work_is_refused(alice: Tenant) -> None:
    assert refusal(register, alice.workspace, "Shop", PHONE, "meta", {}) == (400, "INVALID_PROVIDER_CONFIG")


def test_a_phone_is_active_once_whoever_owns_it(alice: Tenant, bob: Tenant, news: list[NumberChange]) -> None:
    for workspace in (alice.workspace, bob.workspace):
        assert refusal(register, workspace, "Shop", bob.number.phone) == (409, "NUMBER_ALREADY_ACTIVE")
    assert news == []


def test_an_account_at_a_provider_is_in_use_once(alice: Tenant) -> None:
    register(alice.workspace, "Shop", PHONE, "meta", META)
    problem = refusal(register, alice.workspace, "Shop", "+447700900198", "meta", META)
    assert problem == (409, "PROVIDER_CONFIG_IN_USE")


def test_a_removed_number_stands_in_the_way_of_its_own_workspace_alone(alice: Tenant, bob: Tenant) -> None:
    remove([alice.number])
    assert refusal(register, alice.workspace, "Shop", alice.number.phone) == (409, "NUMBER_SOFT_DELETED")
    assert register(bob.workspace, "Shop", alice.number.phone).is_connected
    assert refusal(register, alice.workspace, "Shop", alice.number.phone) == (409, "NUMBER_ALREADY_ACTIVE")


def test_after_thirty_days_a_removed_number_is_in_nobodys_way(alice: Tenant) -> None:
    remove([alice.number])
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1)):
        assert register(alice.workspace, "Shop", alice.number.phone).is_connected


@pytest.mark.django_db(transaction=True)
def test_a_phone_that_is_registered_by_many_at_once_is_registered_once(alice: Tenant) -> None:
    start = threading.Barrier(8)

    def try_once(_: int) -> str:
        start.wait()
        try:
            register(Workspace.objects.get(pk=alice.workspace.pk), "Shop", PHONE)
        except ApiError as problem:
            return problem.code
        finally:
            connection.close()
        return "registered"

    with ThreadPoolExecutor(8) as threads:
        outcomes = Counter(threads.map(try_once, range(8)))
    assert outcomes == {"registered": 1, "NUMBER_ALREADY_ACTIVE": 7}


def test_a_removed_number_is_out_of_service(alice: Tenant, news: list[NumberChange]) -> None:
    Number.objects.update(suspect_since=timezone.now(), probe_due_at=timezone.now())
    remove([alice.number])
    number = Number.objects.get()
    assert number.state == Number.State.CLOSE
    assert not number.is_suspect
    assert number.probe_due_at is None
    assert number.deleted_at is not None
    assert alice.number.restorable_until == number.deleted_at + timedelta(days=30)
    assert [(change.kind, change.number) for change in news] == [("removed", number)]


def test_a_number_is_removed_once(alice: Tenant, news: list[NumberChange]) -> None:
    remove([alice.number])
    remove([alice.number])
    assert len(news) == 1


def test_many_numbers_are_removed_together(alice: Tenant, news: list[NumberChange]) -> None:
    other = NumberFactory(workspace=alice.workspace)
    remove([alice.number, other])
    assert not Number.objects.active().exists()
    assert len(news) == 2


def test_the_keys_of_a_removed_number_rest_until_it_is_restored(alice: Tenant) -> None:
    key = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk)
    revoked = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk)
    revoked.revoke()
    remove([alice.number])
    assert ApiKey.find(key.text) is None
    assert ApiKey.find(alice.key) is not None
    restore(alice.number)
    assert ApiKey.find(key.text) == key
    assert ApiKey.find(revoked.text) is None


def test_a_restored_number_is_back_and_waits_for_a_probe(alice: Tenant) -> None:
    remove([alice.number])
    restore(alice.number)
    number = Number.objects.active().get()
    assert number.state == Number.State.CONNECTING
    assert number.probe_due_at is not None


def test_a_number_can_be_restored_for_thirty_days(alice: Tenant) -> None:
    remove([alice.number])
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1)):
        assert refusal(restore, alice.number) == (404, "NUMBER_NOT_FOUND")
    with time_machine.travel(timezone.now() + timedelta(days=29)):
        restore(alice.number)


def test_an_active_number_is_not_restored(alice: Tenant) -> None:
    assert refusal(restore, alice.number) == (409, "NUMBER_ALREADY_ACTIVE")


def test_a_number_whose_phone_is_in_use_by_now_is_not_restored(alice: Tenant, bob: Tenant) -> None:
    remove([alice.number])
    register(bob.workspace, "Shop", alice.number.phone)
    assert refusal(restore, alice.number) == (409, "NUMBER_ALREADY_ACTIVE")
    alice.number.refresh_from_db()
    assert alice.number.deleted_at is not None


def test_a_purge_leaves_nothing(alice: Tenant, bob: Tenant) -> None:
    MessageFactory(number=alice.number)
    kept = MessageFactory(number=bob.number)
    key = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk)
    purge([alice.number])
    assert not Number.objects.filter(workspace=alice.workspace).exists()
    assert not alice.workspace.messages.exists()
    assert ApiKey.find(key.text) is None
    assert ApiKey.find(alice.key) is not None
    assert bob.workspace.messages.get() == kept


def test_a_purged_phone_can_be_registered_anew(alice: Tenant) -> None:
    remove([alice.number])
    purge([alice.number])
    assert register(alice.workspace, "Shop", alice.number.phone).is_connected
