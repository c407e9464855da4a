"""News of this floor, sent inside the transaction that makes it; each carries a list."""

from django.dispatch import Signal

# changes: list[phone_numbers.lifecycle.NumberChange]
numbers_changed = Signal()

# payloads: list[phone_numbers.providers.simulator.engine.Played]: what the simulated WhatsApp posts to us.
payloads_played = Signal()
