"""News of this floor, sent inside the transaction that makes it."""

from django.dispatch import Signal

# changes: list[messaging.changes.MessageChange], in the order in which they happened.
messages_changed = Signal()
