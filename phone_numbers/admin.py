from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.back_office import Acting, Log, Personal, ReadOnly, confirmed, quoted
from phone_numbers.models import HealthCheck, Identity, Number, Purge, RetentionMark
from phone_numbers.phones import to_e164
from phone_numbers.status import read_status


@admin.register(Number)
class NumberAdmin(Acting, ReadOnly):
    list_display = [
        "phone", "name", "workspace", "provider", "state", "suspect_since", "suppressed_flaps", "last_seen_at",
        "deleted_at",
    ]  # fmt: skip
    list_filter = ["provider", "state", ("deleted_at", admin.EmptyFieldListFilter), "pii_mode"]
    list_select_related = ["workspace"]
    search_fields = ["=pk", "phone", "name", "=provider_ref", "=account_ref", "=workspace__pk"]
    search_help_text = "Phone, id, name, or the provider's reference"
    # Whoever has it posts as the gateway.
    exclude = ["ingest_token"]
    actions = ["probe"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # As people write it: +55 11 98888-1020.
        term = quoted(search_term)
        return super().get_search_results(request, queryset, to_e164(term) or term)

    @confirmed("Ask the provider how these numbers are connected?", "Probe the number")
    def probe(self, request: HttpRequest, numbers: Sequence[Number]) -> str:
        readings = [(number, read_status(number)) for number in numbers if number.deleted_at is None]
        words = [f"{number.phone}: {'no answer' if one.is_stale else one.state}" for number, one in readings]
        return "; ".join(words) or "None of them is active."


@admin.register(Identity)
class IdentityAdmin(Personal, ReadOnly):
    list_display = ["opaque_id", "number", "learned_at"]
    list_select_related = ["number"]
    search_fields = ["=opaque_id", "=number__pk"]
    personal_fields = ["phone"]


@admin.register(HealthCheck)
class HealthCheckAdmin(Log):
    list_display = ["id", "number", "trigger", "result", "detail", "duration_ms", "checked_at"]
    list_filter = ["trigger", "result"]
    list_select_related = ["number"]
    search_help_text = "The whole id of a check or of a number"
    search_fields = ["=pk"]

    def found_by(self, rows: QuerySet[HealthCheck], term: str) -> QuerySet[HealthCheck]:
        return rows.filter(number=term) if term.startswith("num_") else rows.filter(pk=term)


@admin.register(RetentionMark)
class RetentionMarkAdmin(ReadOnly):
    list_display = ["number", "table", "below"]
    list_select_related = ["number"]
    search_fields = ["=number__pk"]


@admin.register(Purge)
class PurgeAdmin(ReadOnly):
    list_display = ["number", "erased", "total", "created_at"]
    list_select_related = ["number"]
    search_fields = ["=number__pk"]
