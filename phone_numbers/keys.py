"""The API keys that are limited to one number."""

from django.db import transaction

from accounts.models import ApiKey
from phone_numbers.models import Number


def regenerate(number: Number) -> tuple[ApiKey, str]:
    """Gives the number's default key (its oldest, else a new one) a new secret; the one before is void at once.

    Returns the key and its text, which can be read only now.
    """
    with transaction.atomic():
        # Two at once: one after the other, so that a number's first two calls make one key.
        Number.objects.select_for_update(no_key=True).filter(pk=number.pk).first()
        key = ApiKey.objects.active().filter(number_id=number.pk).order_by("pk").first() or ApiKey(
            workspace_id=number.workspace_id, number_id=number.pk, name=f"Key of {number.name}"[:200]
        )
        return key, key.issue()
