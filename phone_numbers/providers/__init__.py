"""The registry of providers: one line each."""

from functools import cache

from django.utils.module_loading import import_string

from phone_numbers.providers.base import Provider

REGISTRY = {
    "meta": "phone_numbers.providers.meta.provider.Meta",
    "evolution": "phone_numbers.providers.evolution.provider.Evolution",
    "waha": "phone_numbers.providers.waha.provider.Waha",
    "simulator": "phone_numbers.providers.simulator.provider.Simulator",
}


@cache
def get_provider(name: str) -> Provider:
    """Raises KeyError for a name that is not in the registry."""
    provider: Provider = import_string(REGISTRY[name])()
    return provider


def all_providers() -> list[Provider]:
    return [get_provider(name) for name in REGISTRY]
