from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from dashboard.schedules import SCHEDULES, ensure_schedules

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("function", [function for _, function, _ in SCHEDULES])
def test_every_schedule_names_a_function_that_exists(function: str) -> None:
    assert isinstance(import_string(function), Callable)


def test_migrating_makes_the_schedules() -> None:
    Schedule.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert list(Schedule.objects.order_by("pk").values_list("name", "func", "minutes")) == SCHEDULES


def test_a_schedule_that_is_right_keeps_its_next_run() -> None:
    ensure_schedules()
    next_run = timezone.now() + timedelta(seconds=40)
    Schedule.objects.update(next_run=next_run)
    ensure_schedules()
    assert set(Schedule.objects.values_list("next_run", flat=True)) == {next_run}


def test_what_is_not_in_the_list_goes() -> None:
    Schedule.objects.create(name="poison", func="nowhere", args="(1,")
    ensure_schedules()
    assert not Schedule.objects.filter(name="poison").exists()
