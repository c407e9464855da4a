"""What connection reports do to a number, whatever their order and their clocks; and who hears of a number's life."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from phone_numbers import lifecycle
from phone_numbers.lifecycle import NumberChange, observe, observe_all
from phone_numbers.models import Number
from phone_numbers.registering import register, remove, restore
from phone_numbers.reports import ConnectionReport, ConnectionState, DisconnectCause
from phone_numbers.signals import numbers_changed
from phone_numbers.tasks import check_health
from tests.conftest import Tenant
from tests.factories import NumberFactory, WebhookFactory
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db

STATES = {state.name: ConnectionReport(state=state, at=None) for state in ConnectionState}
BACK, CONNECTING, GONE = STATES["CONNECTED"], STATES["CONNECTING"], STATES["DISCONNECTED"]


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def news() -> Iterator[list[NumberChange]]:
    heard: list[NumberChange] = []

    def hear(changes: list[NumberChange], **kwargs: Any) -> None:
        heard.extend(changes)

    numbers_changed.connect(hear)
    yield heard
    numbers_changed.disconnect(hear)


def the(number: Number) -> Number:
    return Number.objects.get(pk=number.pk)


def heard(webhook: Webhook) -> list[str]:
    return [delivery.event.type for delivery in Delivery.objects.filter(webhook=webhook).order_by("event_id")]


def test_a_disconnect_makes_a_number_suspect_and_no_news(alice: Tenant, now: datetime) -> None:
    assert observe(alice.number, GONE, now) == []
    number = the(alice.number)
    assert (number.state, number.is_suspect, number.failed_probes) == ("OPEN", True, 0)
    assert number.probe_due_at is not None
    assert number.probe_due_at <= timezone.now()


def test_a_number_that_only_connects_anew_is_suspect_too(alice: Tenant, now: datetime) -> None:
    observe(alice.number, CONNECTING, now)
    assert the(alice.number).is_suspect


def test_a_connected_number_that_says_so_again_makes_no_news(alice: Tenant, now: datetime) -> None:
    assert observe(alice.number, BACK, now) == []
    assert the(alice.number).suppressed_flaps == 0


def test_a_return_clears_the_suspicion_silently_and_counts_a_flap(alice: Tenant, now: datetime) -> None:
    assert observe_all([(alice.number, GONE, now), (alice.number, BACK, now)]) == []
    number = the(alice.number)
    assert (number.is_suspect, number.suspect_reason, number.suppressed_flaps) == (False, "", 1)
    assert number.probe_due_at is not None
    assert number.probe_due_at > timezone.now()


def test_what_the_caller_has_loaded_may_be_old(alice: Tenant, now: datetime) -> None:
    old = the(alice.number)
    observe(alice.number, GONE, now)
    observe(old, BACK, now)
    assert (the(alice.number).is_suspect, the(alice.number).suppressed_flaps) == (False, 1)


def test_a_number_that_was_down_is_connected_and_it_is_news(alice: Tenant, now: datetime) -> None:
    Number.objects.update(state="CLOSE")
    (change,) = observe(alice.number, BACK, now)
    assert (change.kind, the(alice.number).state) == ("connected", "OPEN")


def test_a_number_that_is_down_connects_in_two_steps(alice: Tenant, now: datetime) -> None:
    Number.objects.update(state="CLOSE")
    assert observe(alice.number, CONNECTING, now) == []
    assert the(alice.number).state == "CONNECTING"
    assert [change.kind for change in observe(alice.number, BACK, now)] == ["connected"]


def test_a_disconnect_of_a_number_that_is_down_is_nothing(alice: Tenant, now: datetime) -> None:
    Number.objects.update(state="CLOSE")
    assert observe(alice.number, GONE, now) == []
    assert not the(alice.number).is_suspect


def test_a_removed_number_hears_no_reports(alice: Tenant, now: datetime) -> None:
    remove([alice.number])
    assert observe(alice.number, BACK, now) == []
    assert the(alice.number).state == "CLOSE"


def test_a_worse_cause_is_remembered_and_probed_at_once(alice: Tenant, now: datetime) -> None:
    observe(alice.number, GONE, now)
    Number.objects.update(probe_due_at=now + timedelta(seconds=5))
    logout = ConnectionReport(state=ConnectionState.DISCONNECTED, at=None, cause=DisconnectCause.LOGGED_OUT)
    observe(alice.number, logout, now)
    number = the(alice.number)
    assert number.suspect_reason == "logged_out"
    assert number.probe_due_at is not None
    assert number.probe_due_at <= timezone.now()


def test_a_milder_cause_changes_nothing(alice: Tenant, now: datetime) -> None:
    logout = ConnectionReport(state=ConnectionState.DISCONNECTED, at=None, cause=DisconnectCause.LOGGED_OUT)
    observe_all([(alice.number, logout, now), (alice.number, GONE, now)])
    assert the(alice.number).suspect_reason == "logged_out"


def test_connected_from_before_the_disconnect_clears_nothing(alice: Tenant, now: datetime) -> None:
    Number.objects.update(state_changed_at=now - timedelta(hours=1))
    observe(alice.number, GONE, now)
    observe(alice.number, BACK, now - timedelta(minutes=1))
    assert the(alice.number).is_suspect


def test_connected_from_before_the_confirmed_loss_asks_for_a_probe(alice: Tenant, now: datetime) -> None:
    Number.objects.update(state="CLOSE", state_changed_at=now)
    assert observe(alice.number, BACK, now - timedelta(minutes=1)) == []
    number = the(alice.number)
    assert number.state == "CLOSE"
    assert number.probe_due_at is not None


@pytest.mark.parametrize("offset", [timedelta(days=-400), timedelta(seconds=-1), timedelta(days=400)])
def test_a_wrong_clock_never_turns_the_history_around(
    alice: Tenant, now: datetime, offset: timedelta
) -> None:
    before = the(alice.number).state_changed_at
    Number.objects.update(state="CONNECTING")
    (change,) = observe(alice.number, BACK, now + offset)
    assert before < change.at <= max(timezone.now(), before + timedelta(milliseconds=1))


def test_the_name_of_the_profile_is_taken_over(alice: Tenant, now: datetime) -> None:
    named = ConnectionReport(state=ConnectionState.CONNECTED, at=None, profile_name="Ada's Bakery")
    observe(alice.number, named, now)
    assert the(alice.number).profile_name == "Ada's Bakery"


def test_a_sign_of_life_is_written_once_a_minute(alice: Tenant, django_assert_num_queries: Any) -> None:
    lifecycle.notice([alice.number])
    seen = the(alice.number)
    assert seen.last_seen_at is not None
    with django_assert_num_queries(0):
        lifecycle.notice([seen])


class TestAnyOrderOfReports(TestCase):
    @given(st.lists(st.sampled_from(sorted(STATES)), max_size=12), st.sampled_from(sorted(Number.State)))
    def test_news_of_reports_alone_is_never_a_disconnect(self, names: list[str], state: str) -> None:
        number = NumberFactory(state=state)
        changes = observe_all((number, STATES[name], timezone.now()) for name in names)
        assert {change.kind for change in changes} <= {"connected"}
        assert len(changes) <= (0 if state == "OPEN" else 1)
        moments = [change.at for change in changes]
        assert moments == sorted(set(moments))


def test_the_workspace_hears_the_whole_life_of_a_number(alice: Tenant) -> None:
    webhook = WebhookFactory(workspace=alice.workspace, number=None)
    number = register(alice.workspace, "Bakery", "+447700900111", "simulator")
    remove([number])
    restore(number)
    check_health()
    Number.objects.filter(pk=number.pk).update(settings={"simulated": "disconnected"})
    logout = ConnectionReport(state=ConnectionState.DISCONNECTED, at=None, cause=DisconnectCause.LOGGED_OUT)
    lifecycle.announce(observe(number, logout, timezone.now()))
    check_health()
    assert heard(webhook) == [
        "number.created",
        "number.connected",
        "number.removed",
        "number.connected",
        "number.disconnected",
    ]


def test_a_removal_is_told_although_the_number_is_going(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, events=["number.removed"])
    remove([alice.number])
    delivery = Delivery.objects.get(webhook=webhook)
    assert (delivery.status, delivery.due_at is not None) == ("pending", True)
