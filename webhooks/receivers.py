"""Hears what happens on the floors below: events are fanned out in their transaction; a number is emptied in chunks."""

from typing import Any

from django.dispatch import receiver

from events.models import Event
from events.signals import events_recorded
from phone_numbers.models import Number
from phone_numbers.signals import purge_begun
from webhooks import erasing
from webhooks.fanout import fan_out
from webhooks.retention import settle


@receiver(events_recorded)
def fan_out_recorded(events: list[Event], **kwargs: Any) -> None:
    fan_out(events)
    settle(events)


@receiver(purge_begun)
def empty(numbers: list[Number], **kwargs: Any) -> None:
    for number in numbers:
        erasing.empty(number)
