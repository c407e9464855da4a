"""News of this floor, sent inside the transaction that makes it."""

from django.dispatch import Signal

# events: list[events.models.Event], in the order in which they were recorded.
events_recorded = Signal()
