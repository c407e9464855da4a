from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.back_office import Acting, Log, Personal, confirmed, one_of
from events.catalog import EVENT_TYPES
from events.inbox import run_again
from events.models import Call, Event, RawPayload
from phone_numbers.providers import REGISTRY


@admin.register(RawPayload)
class RawPayloadAdmin(Acting, Personal, Log):
    list_display = ["id", "provider", "number", "status", "reason", "tries", "received_at", "normalized_at"]
    list_filter = ["status", one_of("provider", [(name, name) for name in REGISTRY])]
    list_select_related = ["number"]
    search_fields = ["=pk"]
    search_help_text = "Id of a payload, of an event that came of it, or of a number"
    personal_fields = ["body"]
    exclude = ["lease"]
    actions = ["run_payloads_again"]

    def found_by(self, rows: QuerySet[RawPayload], term: str) -> QuerySet[RawPayload]:
        if term.startswith("num_"):
            return rows.filter(number=term)
        if term.startswith("evt_"):
            return rows.filter(events=term)
        return rows.filter(pk=term)

    @confirmed("Run these payloads again?", "Run again")
    def run_payloads_again(self, request: HttpRequest, payloads: Sequence[RawPayload]) -> str:
        again = run_again(payloads)
        left = len(payloads) - again
        return f"{again} will be normalized again." + (
            f" {left} cannot be, or are about to be." if left else ""
        )


@admin.register(Event)
class EventAdmin(Personal, Log):
    list_display = ["id", "type", "number", "workspace", "message_id", "is_test", "created_at", "recorded_at"]
    list_filter = [one_of("type", [(one.name, one.name) for one in EVENT_TYPES]), "is_test"]
    list_select_related = ["number", "workspace"]
    search_fields = ["=pk"]
    search_help_text = "Id of an event, a message, a payload, a number or a workspace"
    personal_fields = ["body"]
    raw_id_fields = ["raw_payload"]

    def found_by(self, rows: QuerySet[Event], term: str) -> QuerySet[Event]:
        match term.split("_")[0]:
            case "msg":
                return rows.filter(message_id=term)
            case "pay":
                return rows.filter(raw_payload=term)
            case "num":
                return rows.filter(number=term)
            case "ws":
                return rows.filter(workspace=term)
        return rows.filter(pk=term)


@admin.register(Call)
class CallAdmin(Log):
    list_display = ["id", "number", "status", "first_seen_at"]
    list_select_related = ["number"]
    search_fields = ["=pk"]
    search_help_text = "Our id of the call"
