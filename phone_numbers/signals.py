"""News of this floor, sent inside the transaction that makes it unless it says otherwise; each carries a list."""

from django.dispatch import Signal

# changes: list[phone_numbers.lifecycle.NumberChange]
numbers_changed = Signal()

# numbers: list[phone_numbers.models.Number]: out of service, to be purged. Sent outside any transaction: who keeps many
# rows under a number deletes them in chunks; the rest goes with the number.
purge_begun = Signal()

# payloads: list[phone_numbers.providers.simulator.engine.Played]: what the simulated WhatsApp posts to us.
payloads_played = Signal()
