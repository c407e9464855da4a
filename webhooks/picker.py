"""The event picker: the catalog by group, with what a number's provider cannot emit shown as such."""

from collections.abc import Collection
from dataclasses import dataclass

from events.catalog import EVENT_TYPES, GROUPS, EventType
from phone_numbers.models import Number
from phone_numbers.providers.base import Provider


@dataclass(frozen=True)
class Option:
    event_type: EventType
    checked: bool
    # Why the webhook can never hear it; "" where it can.
    reason: str = ""

    @property
    def possible(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class OptionGroup:
    label: str
    options: list[Option]

    @property
    def impossible(self) -> bool:
        """Whether the provider emits none of them."""
        return not any(option.possible for option in self.options)


@dataclass(frozen=True)
class Picker:
    """`provider` is the label of the number's, "" where the webhook hears every number."""

    groups: list[OptionGroup]
    everything: bool
    provider: str

    @property
    def chosen(self) -> int:
        return sum(option.checked for group in self.groups for option in group.options)

    @property
    def possible(self) -> int:
        return sum(option.possible for group in self.groups for option in group.options)


def picker(number: Number | None, chosen: Collection[str]) -> Picker:
    adapter = number.adapter if number is not None else None
    groups = []
    for key, label in GROUPS.items():
        options = []
        for event_type in EVENT_TYPES:
            if event_type.group == key:
                reason = _why_never(event_type, adapter)
                options.append(Option(event_type, not reason and event_type.name in chosen, reason))
        groups.append(OptionGroup(label, options))
    return Picker(groups, "*" in chosen, adapter.label if adapter else "")


def _why_never(event_type: EventType, adapter: Provider | None) -> str:
    if adapter is None:
        return ""
    if event_type.of_workspace_only:
        return "Only a webhook of all numbers can hear it."
    return "" if event_type.emitted_by(adapter) else f"{adapter.label} cannot emit it."
