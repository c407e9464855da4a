"""Rows written as one JSON parameter read back as they were, whatever is in them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts import bulk
from accounts.encryption import Sealed
from tests.factories import AttemptFactory, DeliveryFactory
from webhooks.models import Attempt, Delivery, Trigger

# What a database can store: no NUL, no lone surrogates.
texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60)
moments = st.none() | st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year >= 1000)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["status", "status_code", "response_headers", "response_body", "error", "timings", "finished_at"]
changes = st.fixed_dictionaries(
    {
        "status": st.sampled_from(Attempt.Status.values),
        "status_code": st.none() | st.integers(100, 599),
        "response_headers": st.lists(values, max_size=3),
        "response_body": texts | texts.map(Sealed) | st.just("sealed:no, plain"),
        "error": texts,
        "timings": st.dictionaries(texts, values, max_size=3),
        "finished_at": moments,
    }
)


class TestEveryValue(TestCase):
    @given(wanted=st.lists(changes, min_size=1, max_size=3))
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_is_written_as_it_is(self, wanted: list[dict[str, Any]]) -> None:
        delivery = DeliveryFactory()
        updated = [AttemptFactory(delivery=delivery, number=index) for index in range(len(wanted))]
        for attempt, values in zip(updated, wanted, strict=True):
            for name, value in values.items():
                setattr(attempt, name, value)
        bulk.update(updated, FIELDS)
        inserted = [
            Attempt(
                delivery=delivery,
                webhook=delivery.webhook,
                event_type="message.sent",
                number=50 + index,
                trigger=Trigger.MANUAL,
                url="https://example.com/ü",
                **values,
            )
            for index, values in enumerate(wanted)
        ]
        bulk.insert(inserted)
        for attempt in updated + inserted:
            stored = Attempt.objects.get(pk=attempt.pk)
            for field in Attempt._meta.concrete_fields:
                assert getattr(stored, field.attname) == getattr(attempt, field.attname), field.name
            if isinstance(attempt.response_body, Sealed) and attempt.response_body:
                assert isinstance(stored.response_body, Sealed), "it is encrypted where it is stored"


@pytest.mark.django_db
def test_an_update_leaves_other_rows_and_fields_alone() -> None:
    one, other = DeliveryFactory(), DeliveryFactory()
    one.attempts_made, one.reason, one.due_at = 7, "not this", None
    bulk.update([one], ["attempts_made", "due_at"])
    stored = Delivery.objects.get(pk=one.pk)
    assert (stored.attempts_made, stored.reason, stored.due_at) == (7, "", None)
    untouched = Delivery.objects.get(pk=other.pk)
    assert (untouched.attempts_made, untouched.due_at) == (other.attempts_made, other.due_at)


@pytest.mark.django_db
def test_a_moment_is_found_by_the_comparisons_of_the_orm() -> None:
    delivery = DeliveryFactory()
    delivery.due_at = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    bulk.update([delivery], ["due_at"])
    assert Delivery.objects.filter(due_at=delivery.due_at).count() == 1
    assert Delivery.objects.filter(due_at__lt=delivery.due_at + timedelta(microseconds=1)).count() == 1
    assert not Delivery.objects.filter(due_at__lt=delivery.due_at).exists()


def test_nothing_is_written_without_rows() -> None:
    bulk.update([], ["status"])
    bulk.insert([])
