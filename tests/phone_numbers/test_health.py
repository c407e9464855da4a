"""Health checks: through the real inbox, with the simulator and with a provider that answers from a script."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from events import inbox
from events import tasks as events_tasks
from events.models import Event
from phone_numbers import health, lifecycle, tasks
from phone_numbers.health import check_batch, next_due_at, plan_checks
from phone_numbers.models import HealthCheck, Number
from phone_numbers.providers.base import Part, ProbeResult, ProbeState
from phone_numbers.providers.simulator.engine import connection as report
from phone_numbers.reports import ConnectionReport, ConnectionState, DisconnectCause
from tests.conftest import Tenant
from tests.factories import NumberFactory
from tests.phone_numbers.scripted_provider import CLOSED, CONNECTED, LOGGED_OUT, NO_ANSWER, Scripted, scripted

__all__ = ["scripted"]
pytestmark = pytest.mark.django_db

INTERVAL = timedelta(seconds=5)
GONE = ConnectionReport(state=ConnectionState.DISCONNECTED, at=None)
BACK = ConnectionReport(state=ConnectionState.CONNECTED, at=None)


def post(number: Number, *bodies: str) -> None:
    """What the simulated WhatsApp says of the number, through the inbox and normalized."""
    inbox.store("simulator", [Part(ref=None, body=body) for body in bodies], number)
    events_tasks.normalize()


def simulate(number: Number, state: str) -> None:
    Number.objects.filter(pk=number.pk).update(settings={"simulated": state})


def news(number: Number) -> list[str]:
    return [event.type for event in Event.objects.filter(number=number).order_by("pk")]


def the(number: Number) -> Number:
    return Number.objects.get(pk=number.pk)


def a_scripted_number(**fields: object) -> Number:
    return NumberFactory(provider="scripted", **fields)


def tell(number: Number, *reports: ConnectionReport) -> None:
    for told in reports:
        with transaction.atomic():
            lifecycle.announce(lifecycle.observe(number, told, timezone.now()))


def suspected(number: Number) -> Number:
    tell(number, GONE)
    return number


def check_for(span: timedelta, every: timedelta = timedelta(seconds=1)) -> None:
    """Lets the drain run once in each step of a span of time."""
    start = timezone.now()
    for step in range(int(span / every) + 1):
        with time_machine.travel(start + every * step, tick=False):
            tasks.check_health()


def test_forty_flaps_in_ten_seconds_are_no_news(alice: Tenant) -> None:
    start = timezone.now()
    for pair in range(40):
        with time_machine.travel(start + timedelta(seconds=pair / 4), tick=False):
            post(alice.number, report("disconnected"), report("connected"))
    check_for(timedelta(minutes=1))
    number = the(alice.number)
    assert (number.suppressed_flaps, number.state, number.is_suspect) == (40, "OPEN", False)
    assert news(number) == []


def test_forty_flaps_in_one_batch_are_counted_one_by_one(alice: Tenant) -> None:
    post(alice.number, *[report("disconnected"), report("connected")] * 40)
    assert the(alice.number).suppressed_flaps == 40
    assert news(alice.number) == []


def test_flaps_between_which_the_drain_runs_are_counted_once_each(alice: Tenant) -> None:
    for _ in range(10):
        post(alice.number, report("disconnected"))
        tasks.check_health()
        post(alice.number, report("connected"))
    assert the(alice.number).suppressed_flaps == 10
    assert news(alice.number) == []


def test_a_real_loss_is_told_once_after_the_probes(alice: Tenant) -> None:
    simulate(alice.number, "disconnected")
    post(alice.number, report("disconnected"))
    check_for(timedelta(seconds=9))
    assert news(alice.number) == []
    assert the(alice.number).state == "OPEN"
    with time_machine.travel(timezone.now() + timedelta(seconds=10), tick=False):
        check_for(timedelta(seconds=2))
    number = the(alice.number)
    assert news(number) == ["number.disconnected"]
    assert (number.state, number.is_suspect, number.failed_probes) == ("CLOSE", False, 0)
    checks = [check.trigger for check in number.health_checks.order_by("pk")]
    assert checks == ["confirmation"] * 3


def test_the_number_of_probes_is_a_setting(alice: Tenant, settings: Settings) -> None:
    settings.HEALTH_PROBES = 1
    simulate(alice.number, "disconnected")
    post(alice.number, report("disconnected"))
    tasks.check_health()
    assert news(alice.number) == ["number.disconnected"]


def test_the_event_says_why(scripted: type[Scripted], settings: Settings) -> None:
    settings.HEALTH_PROBES = 1
    scripted.script = [CLOSED]
    number = suspected(a_scripted_number())
    tasks.check_health()
    data = Event.objects.get().payload["data"]
    assert data["error"] == "The number lost its connection to WhatsApp (close)."
    assert data["errorCode"] == "428"
    assert data["numberId"] == number.pk


@pytest.mark.parametrize("cause", list(DisconnectCause))
def test_a_permanent_cause_takes_one_probe_and_makes_one_event(alice: Tenant, cause: DisconnectCause) -> None:
    simulate(alice.number, "disconnected")
    post(alice.number, report("disconnected", cause))
    check_for(timedelta(minutes=1))
    assert news(alice.number) == ["number.disconnected"]
    assert HealthCheck.objects.count() == 1
    data = Event.objects.get().payload["data"]
    assert data["error"] == health.SENTENCES[cause]
    assert data["errorCode"] == cause.upper()


def test_a_probe_that_finds_a_permanent_cause_settles_it(scripted: type[Scripted]) -> None:
    scripted.script = [LOGGED_OUT]
    number = suspected(a_scripted_number())
    tasks.check_health()
    assert news(number) == ["number.disconnected"]


def test_a_logout_that_a_probe_contradicts_is_a_flap(alice: Tenant) -> None:
    post(alice.number, report("disconnected", "logged_out"))
    tasks.check_health()
    assert (the(alice.number).suppressed_flaps, news(alice.number)) == (1, [])


def test_a_logout_that_follows_a_plain_disconnect_needs_no_further_probes(alice: Tenant) -> None:
    simulate(alice.number, "disconnected")
    post(alice.number, report("disconnected"))
    tasks.check_health()
    post(alice.number, report("disconnected", "logged_out"))
    tasks.check_health()
    assert news(alice.number) == ["number.disconnected"]


def test_a_gateway_that_repeats_itself_does_not_start_the_probes_over(alice: Tenant) -> None:
    simulate(alice.number, "disconnected")
    start = timezone.now()
    for second in range(12):
        with time_machine.travel(start + timedelta(seconds=second), tick=False):
            post(alice.number, report("disconnected"))
            tasks.check_health()
    assert news(alice.number) == ["number.disconnected"]


def test_one_healthy_probe_clears_a_suspicion(scripted: type[Scripted]) -> None:
    scripted.script = [CLOSED, CLOSED, CONNECTED]
    number = suspected(a_scripted_number())
    check_for(timedelta(seconds=30))
    number = the(number)
    assert (number.suppressed_flaps, number.is_suspect, number.failed_probes) == (1, False, 0)
    assert news(number) == []


def test_probes_without_an_answer_count_neither_way(scripted: type[Scripted]) -> None:
    scripted.script = [CLOSED, NO_ANSWER, NO_ANSWER, CLOSED, NO_ANSWER, CONNECTED]
    number = suspected(a_scripted_number())
    check_for(timedelta(minutes=2))
    assert (the(number).suppressed_flaps, news(number)) == (1, [])


def test_a_provider_that_is_silent_for_too_long_means_a_disconnect(scripted: type[Scripted]) -> None:
    scripted.answer = staticmethod(lambda number: NO_ANSWER)
    number = suspected(a_scripted_number())
    check_for(timedelta(minutes=9), every=timedelta(seconds=15))
    assert news(number) == []
    with time_machine.travel(timezone.now() + timedelta(minutes=9)):
        check_for(timedelta(minutes=5), every=timedelta(seconds=15))
    assert news(number) == ["number.disconnected"]
    data = Event.objects.get().payload["data"]
    assert data["errorCode"] == "PROVIDER_UNREACHABLE"
    assert "could not be reached" in data["error"]


def test_one_missing_answer_after_our_own_outage_means_nothing(scripted: type[Scripted]) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    number = a_scripted_number(
        state_changed_at=yesterday, last_seen_at=yesterday, probe_due_at=timezone.now()
    )
    scripted.script = [NO_ANSWER]
    check_for(timedelta(minutes=2), every=timedelta(seconds=10))
    assert (news(number), len(scripted.probed)) == ([], 2)


def test_a_periodic_check_finds_a_silent_disconnect(scripted: type[Scripted]) -> None:
    number = a_scripted_number(probe_due_at=timezone.now())
    scripted.answer = staticmethod(lambda number: CLOSED)
    check_for(timedelta(seconds=20))
    assert news(number) == ["number.disconnected"]
    triggers = [check.trigger for check in number.health_checks.order_by("pk")]
    assert triggers == ["periodic", "confirmation", "confirmation", "confirmation"]


def test_a_periodic_check_that_finds_a_logout_is_confirmed_by_one_probe(scripted: type[Scripted]) -> None:
    number = a_scripted_number(probe_due_at=timezone.now())
    scripted.answer = staticmethod(lambda number: LOGGED_OUT)
    tasks.check_health()
    assert news(number) == ["number.disconnected"]
    assert len(scripted.probed) == 2


def test_a_healthy_number_is_checked_again_in_about_five_minutes(scripted: type[Scripted]) -> None:
    number = a_scripted_number(probe_due_at=timezone.now())
    with time_machine.travel(timezone.now(), tick=False):
        tasks.check_health()
        due_at = the(number).probe_due_at
        assert due_at is not None
        assert timedelta(minutes=4.5) <= due_at - timezone.now() <= timedelta(minutes=5.5)


def test_a_number_that_came_back_by_itself_is_connected_again(alice: Tenant) -> None:
    Number.objects.update(state="CLOSE", probe_due_at=timezone.now())
    tasks.check_health()
    assert (the(alice.number).state, news(alice.number)) == ("OPEN", ["number.connected"])


def test_a_number_that_is_down_stays_down_without_news(alice: Tenant) -> None:
    simulate(alice.number, "disconnected")
    Number.objects.update(state="CLOSE", probe_due_at=timezone.now())
    tasks.check_health()
    number = the(alice.number)
    assert (number.state, news(number)) == ("CLOSE", [])
    assert number.probe_due_at is not None
    assert number.probe_due_at - timezone.now() > timedelta(minutes=13)


def test_a_restored_number_without_its_session_is_closed_without_news(alice: Tenant) -> None:
    simulate(alice.number, "disconnected")
    Number.objects.update(state="CONNECTING", probe_due_at=timezone.now())
    tasks.check_health()
    assert (the(alice.number).state, news(alice.number)) == ("CLOSE", [])


def test_a_disconnect_a_return_and_a_second_disconnect_are_three_events(alice: Tenant) -> None:
    start = timezone.now()
    for minute, state in enumerate(["disconnected", "connected", "disconnected"]):
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            simulate(alice.number, state)
            post(alice.number, report(state))
            check_for(timedelta(seconds=15))
    assert news(alice.number) == ["number.disconnected", "number.connected", "number.disconnected"]


def test_a_removed_number_is_not_probed(scripted: type[Scripted]) -> None:
    a_scripted_number(probe_due_at=timezone.now(), deleted_at=timezone.now())
    tasks.check_health()
    assert scripted.probed == []


def test_a_provider_that_raises_is_an_unknown_answer(scripted: type[Scripted]) -> None:
    def fail(number: Number) -> ProbeResult:
        raise ValueError("+447700900123 wrote: hello")

    scripted.answer = staticmethod(fail)
    number = a_scripted_number(probe_due_at=timezone.now())
    tasks.check_health()
    check = number.health_checks.get()
    assert (check.result, check.detail) == (ProbeState.UNKNOWN, "The probe failed: ValueError.")


def test_numbers_that_nobody_has_planned_are_spread_over_the_period(alice: Tenant) -> None:
    NumberFactory.create_batch(9)
    assert plan_checks() == 10
    due = sorted(number.probe_due_at for number in Number.objects.all() if number.probe_due_at)
    assert len(due) == 10
    assert due[-1] - due[0] > timedelta(minutes=4)
    assert plan_checks() == 0


def test_a_drain_stays_awake_for_suspects_only(alice: Tenant) -> None:
    Number.objects.update(probe_due_at=timezone.now() + timedelta(seconds=30))
    assert next_due_at() is None
    tell(alice.number, GONE)
    assert next_due_at() is not None


def test_ten_probes_take_as_long_as_one(scripted: type[Scripted], transactional_db: None) -> None:
    together = threading.Barrier(10, timeout=5)

    def answer(number: Number) -> ProbeResult:
        together.wait()
        return CONNECTED

    scripted.answer = staticmethod(answer)
    for _ in range(10):
        a_scripted_number(probe_due_at=timezone.now())
    assert check_batch() == 10
    assert set(HealthCheck.objects.values_list("result", flat=True)) == {"connected"}


@pytest.mark.django_db(transaction=True)
def test_a_report_that_arrives_while_a_probe_runs_wins(scripted: type[Scripted], settings: Settings) -> None:
    settings.HEALTH_PROBES = 1
    number = suspected(a_scripted_number())

    def answer(asked: Number) -> ProbeResult:
        try:
            tell(asked, BACK)
        finally:
            connection.close()
        return CLOSED

    scripted.answer = staticmethod(answer)
    check_batch()
    number = the(number)
    assert (number.state, number.is_suspect, number.suppressed_flaps) == ("OPEN", False, 1)
    assert news(number) == []
    assert number.health_checks.get().result == "disconnected"


@pytest.mark.django_db(transaction=True)
def test_a_probe_that_began_before_a_return_and_a_new_loss_does_not_count(
    scripted: type[Scripted], settings: Settings
) -> None:
    settings.HEALTH_PROBES = 1
    number = suspected(a_scripted_number())

    def answer(asked: Number) -> ProbeResult:
        try:
            tell(asked, BACK, GONE)
        finally:
            connection.close()
        return CLOSED

    scripted.answer = staticmethod(answer)
    check_batch()
    assert (the(number).state, the(number).is_suspect, news(number)) == ("OPEN", True, [])


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_probe_one_number_at_once(scripted: type[Scripted]) -> None:
    for _ in range(12):
        suspected(a_scripted_number())

    def work(_: int) -> int:
        try:
            return check_batch(limit=3)
        finally:
            connection.close()

    scripted.answer = staticmethod(lambda number: CLOSED)
    with ThreadPoolExecutor(4) as workers:
        taken = list(workers.map(work, range(4)))
    assert sum(taken) == len(set(scripted.probed)) == len(scripted.probed)
    assert set(Number.objects.filter(pk__in=scripted.probed).values_list("failed_probes", flat=True)) == {1}


def test_a_lost_worker_leaves_a_number_that_falls_due_again(scripted: type[Scripted]) -> None:
    number = suspected(a_scripted_number())
    health._claim(1)
    assert check_batch() == 0
    with time_machine.travel(timezone.now() + health.LEASE + timedelta(seconds=1)):
        assert check_batch() == 1
    assert the(number).suppressed_flaps == 1
