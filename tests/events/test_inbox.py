"""The inbox: every part of a POST is stored for its own number, and what belongs to nobody is kept too."""

import pytest
from django.db import connection
from django.utils import timezone

from events import inbox
from events.models import RawPayload
from phone_numbers.models import Number
from phone_numbers.providers.base import Part
from tests.conftest import Tenant
from tests.factories import MetaNumberFactory, NumberFactory, RawPayloadFactory

pytestmark = pytest.mark.django_db


def meta_number(tenant: Tenant, ref: str, account: str = "waba-1") -> Number:
    return MetaNumberFactory(workspace=tenant.workspace, provider_ref=ref, account_ref=account)


def test_each_part_goes_to_its_own_number(alice: Tenant, bob: Tenant) -> None:
    mine, theirs = meta_number(alice, "1"), meta_number(bob, "2")
    rows = inbox.store("meta", [Part(ref="1", body="{}"), Part(ref="2", body="[]")])
    assert [(row.number, row.body, row.status) for row in rows] == [
        (mine, "{}", "pending"), (theirs, "[]", "pending"),
    ]  # fmt: skip
    assert all(row.due_at is not None for row in rows)


def test_the_number_of_the_door_gets_everything(alice: Tenant) -> None:
    number = NumberFactory(workspace=alice.workspace, provider="waha")
    (row,) = inbox.store("waha", [Part(ref=None, body="{}")], number)
    assert (row.number, row.provider_ref) == (number, number.provider_ref)


def test_what_names_an_account_goes_to_all_of_its_numbers(alice: Tenant) -> None:
    numbers = {meta_number(alice, "1"), meta_number(alice, "2")}
    meta_number(alice, "3", "waba-2")
    rows = inbox.store("meta", [Part(ref=None, body="{}", account_ref="waba-1")])
    assert {row.number for row in rows} == numbers


@pytest.mark.parametrize(
    "part",
    [
        Part(ref="unknown", body="{}"),
        Part(ref=None, body="{}", account_ref="unknown"),
        Part(ref=None, body="{}", account_ref=""),
        Part(ref=None, body="{}"),
        Part(ref="x" * 400, body="{}"),
    ],
)
def test_what_belongs_to_nobody_is_kept_as_unroutable(alice: Tenant, part: Part) -> None:
    MetaNumberFactory(workspace=alice.workspace, account_ref="")
    (row,) = inbox.store("meta", [part])
    row.refresh_from_db()
    assert (row.number, row.status, row.due_at) == (None, "unroutable", None)
    assert row.reason


def test_nobodys_payload_is_sealed_since_nobody_knows_how_much_may_be_kept() -> None:
    inbox.store("meta", [Part(ref="unknown", body='{"secret": "words"}')])
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM events_rawpayload")
        assert "words" not in cursor.fetchone()[0]
    assert RawPayload.objects.get().body == '{"secret": "words"}'


def test_a_number_that_was_removed_gets_nothing(alice: Tenant) -> None:
    Number.objects.filter(pk=meta_number(alice, "1").pk).update(deleted_at=timezone.now())
    (row,) = inbox.store("meta", [Part(ref="1", body="{}")])
    assert row.status == "unroutable"


def test_another_providers_number_of_the_same_reference_is_another_number(alice: Tenant) -> None:
    NumberFactory(workspace=alice.workspace, provider="waha", provider_ref="1")
    (row,) = inbox.store("meta", [Part(ref="1", body="{}")])
    assert row.status == "unroutable"


@pytest.mark.parametrize("status", ["failed", "ignored", "normalized"])
def test_what_is_done_can_be_run_again(alice: Tenant, status: str) -> None:
    payload = RawPayloadFactory(number=alice.number, status=status, due_at=None, reason="why", tries=3)
    assert inbox.run_again([payload]) == 1
    payload.refresh_from_db()
    assert (payload.status, payload.reason, payload.tries) == ("pending", "", 0)
    assert payload.due_at is not None


def test_what_waits_or_was_blanked_is_not_run_again(alice: Tenant) -> None:
    waiting = RawPayloadFactory(number=alice.number)
    blanked = RawPayloadFactory(number=alice.number, status="failed", due_at=None, blanked_at=timezone.now())
    homeless = RawPayloadFactory(
        number=None, status="unroutable", due_at=None, provider="meta", provider_ref="x"
    )
    assert inbox.run_again([waiting, blanked, homeless]) == 0
