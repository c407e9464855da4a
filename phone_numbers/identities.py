"""Opaque ids of contacts (LID, BSUID) and the phones behind them: learned where both were said, never guessed."""

from collections.abc import Iterable

from accounts.encryption import keyed_hash
from phone_numbers.models import Identity, Number


def learn(pairs: Iterable[tuple[Number, str, str]]) -> None:
    """Remembers (number, opaque id, E.164 phone); the newest phone of an id wins.

    A number that keeps nothing learns nothing: it knows the phones that its payloads say, each time anew.
    """
    rows = {
        (number.pk, key): Identity(number=number, opaque_id=key, phone=phone)
        for number, opaque_id, phone in pairs
        if opaque_id and phone and not number.keeps_nothing
        for key in [keyed_hash(opaque_id)]
    }
    if not rows:
        return
    known = {
        (identity.number_id, identity.opaque_id): identity.phone
        for identity in Identity.objects.filter(
            number__in={pk for pk, _ in rows}, opaque_id__in={key for _, key in rows}
        )
    }
    news = [row for place, row in sorted(rows.items()) if known.get(place) != row.phone]
    if news:
        Identity.objects.bulk_create(
            news,
            update_conflicts=True,
            unique_fields=["number", "opaque_id"],
            update_fields=["phone", "learned_at"],
        )


def resolve(wanted: Iterable[tuple[Number, str]]) -> dict[tuple[str, str], str]:
    """Returns {(number id, opaque id): E.164 phone} for the ids that are known."""
    keys = {(number.pk, opaque_id): keyed_hash(opaque_id) for number, opaque_id in wanted if opaque_id}
    if not keys:
        return {}
    known = {
        (identity.number_id, identity.opaque_id): identity.phone
        for identity in Identity.objects.filter(
            number__in={pk for pk, _ in keys}, opaque_id__in=set(keys.values())
        )
    }
    return {place: known[place[0], key] for place, key in keys.items() if (place[0], key) in known}
