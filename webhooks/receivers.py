"""Hears that events were recorded and fans them out, in the same transaction."""

from typing import Any

from django.dispatch import receiver

from events.models import Event
from events.signals import events_recorded
from webhooks.fanout import fan_out
from webhooks.retention import settle


@receiver(events_recorded)
def fan_out_recorded(events: list[Event], **kwargs: Any) -> None:
    fan_out(events)
    settle(events)
