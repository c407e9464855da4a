"""/v1/events, the log for those who ask, and /v1/event-types, the catalog."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ApiError, decode_cursor, encode_cursor, limit_of
from accounts.api_fields import MomentField, TextField, iso
from accounts.authentication import api_key
from accounts.openapi import PAGE, answer, id_parameter, refusals
from events import api_examples
from events.catalog import BY_NAME, EVENT_TYPES, GROUPS, EventType, unknown_names
from events.models import Event, EventQuerySet
from events.placing import position_at
from events.pulling import START, newest_position, position_of, read
from phone_numbers.api_scope import NUMBER_HEADER, named_number, number_or_404, visible_numbers
from phone_numbers.providers import all_providers

LATEST = "latest"
# Of PostgreSQL's bigint.
HIGHEST = 2**63 - 1


class EventSerializer(serializers.Serializer[Event]):
    id = serializers.CharField(help_text="The webhook-id of its deliveries: deduplicate by it.")
    type = serializers.CharField(help_text="The event's name.")
    numberId = serializers.CharField()
    createdAt = MomentField(help_text="When it happened at the provider.")
    recordedAt = MomentField(help_text="When it was recorded here.")
    body = serializers.JSONField(
        allow_null=True,
        help_text="What is POSTed to webhooks; without what retention has blanked. null: the server has lost the key "
        "to it, and this event can be asked for again once the key is back.",
    )


class EventPageSerializer(serializers.Serializer[Any]):
    data = EventSerializer(many=True)  # type: ignore[assignment]
    nextCursor = serializers.CharField(help_text="For the next call's `after`; always there.")
    hasMore = serializers.BooleanField(
        help_text="true: ask again now. false: this is the end, for the moment."
    )


class EventFilters(serializers.Serializer[dict[str, Any]]):
    since = MomentField(
        required=False,
        help_text="Where there is no `after`: begin with what was recorded from this moment on.",
    )
    numberId = TextField(required=False, max_length=40, help_text="Only events of this number.")


class EventsView(APIView):
    @extend_schema(
        operation_id="list_events",
        summary="Follow the events",
        description=(
            "Every event of the workspace, or of the key's number, the oldest first. Whoever goes on with `nextCursor` "
            "sees each exactly once, in one order that never changes; what commits late is placed behind what was "
            "answered before. `nextCursor` is always there; where `hasMore` is false, wait a second and ask again "
            "with it. With `type` a page may be empty although `hasMore` is true. Samples of test deliveries are no "
            "part of it."
        ),
        tags=["Events"],
        parameters=[
            OpenApiParameter(
                "after",
                {"type": "string"},
                description="The `nextCursor` of the answer before; or the id of an event (`evt_…`, a webhook-id), "
                "which means behind that one; or `latest`: only what is yet to come. Without it, and without "
                "`since`, from the beginning.",
            ),
            OpenApiParameter(
                "cursor",
                {"type": "string"},
                description="The same as `after`, by the name it has in other lists.",
            ),
            OpenApiParameter(
                "type",
                {"type": "array", "items": {"type": "string", "enum": [*BY_NAME, "*"]}},
                explode=False,
                description="Names of events, by comma or as several parameters: only those.",
            ),
            EventFilters,
            PAGE[0],
            NUMBER_HEADER,
        ],
        responses={200: answer(EventPageSerializer, "A page.", api_examples.PAGE)},
        extensions=refusals(
            "INVALID_REQUEST", "UNKNOWN_EVENT", "NUMBER_MISMATCH", "NUMBER_NOT_FOUND", "EVENT_NOT_FOUND"
        ),
    )
    def get(self, request: Request) -> Response:
        filters = EventFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        given = filters.validated_data
        batch = read(
            api_key(request).workspace_id,
            _after(request, given.get("since")),
            limit_of(request),
            _number_id(request, given.get("numberId", "")),
            _types(request),
        )
        return Response(
            {
                "data": [event_answer(event) for event in batch.events],
                "nextCursor": encode_cursor(str(batch.position)),
                "hasMore": batch.has_more,
            }
        )


class EventView(APIView):
    @extend_schema(
        operation_id="get_event",
        summary="Get an event",
        description="As it is in the log. Samples of test deliveries are not.",
        tags=["Events"],
        parameters=[id_parameter(api_examples.ID, "The event's id: the webhook-id of its deliveries.")],
        responses={200: answer(EventSerializer, "The event.", api_examples.EVENT)},
        extensions=refusals("EVENT_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(event_answer(event_or_404(visible_events(request).real(), id)))


def visible_events(request: Request) -> EventQuerySet:
    """The events that the key of this call may see: a limited key sees only those of its own number."""
    key = api_key(request)
    events = Event.objects.filter(workspace=key.workspace_id)
    return events.filter(number=key.number_id) if key.number_id else events


def event_or_404(events: EventQuerySet, id: str) -> Event:
    event = None if "\0" in id else events.filter(pk=id).first()
    if event is None:
        raise ApiError(404, "EVENT_NOT_FOUND", "There is no event with this id that your key may see.")
    return event


def event_answer(event: Event) -> dict[str, Any]:
    return {
        "id": event.pk,
        "type": event.type,
        "numberId": event.number_id,
        "createdAt": iso(event.created_at),
        "recordedAt": iso(event.recorded_at),
        # One that cannot be read does not keep whoever follows the log from all that comes after it.
        "body": event.payload if event.is_readable else None,
    }


def _after(request: Request, since: datetime | None) -> int:
    """The position behind which the answer begins."""
    text = request.query_params.get("after") or request.query_params.get("cursor") or ""
    if text == LATEST:
        return newest_position(api_key(request).workspace_id)
    if text.startswith("evt_"):
        # A sample too: it may be the last webhook-id that a receiver has seen.
        return position_of(event_or_404(visible_events(request), text))
    if not text:
        return START if since is None else position_at(since)
    position = decode_cursor(text)
    if not position.isascii() or not position.isdigit() or len(position) > 19 or int(position) > HIGHEST:
        raise ApiError(400, "INVALID_CURSOR", "after is not a cursor that this list gave out.")
    return int(position)


def _number_id(request: Request, named: str) -> str:
    """The number to which the answer is limited, by the key or by name; "" = the whole workspace."""
    if named:
        return number_or_404(visible_numbers(request), named).pk
    number = named_number(request)
    return number.pk if number else api_key(request).number_id


def _types(request: Request) -> set[str]:
    """The names that the answer is limited to; none = all."""
    names = [
        name.strip()
        for text in request.query_params.getlist("type")
        for name in text.split(",")
        if name.strip()
    ]
    if unknown := list(dict.fromkeys(unknown_names(names))):
        raise ApiError(
            400,
            "UNKNOWN_EVENT",
            f"There is no event {', '.join(repr(name) for name in unknown)}. GET /v1/event-types lists them all.",
            {"events": unknown},
        )
    return set() if "*" in names else set(names)


class EventTypeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    group = serializers.CharField()
    groupLabel = serializers.CharField()
    description = serializers.CharField()
    providers = serializers.ListField(child=serializers.CharField(), help_text="Those that can emit it.")
    schema = serializers.JSONField(help_text="The JSON Schema of the body.")
    example = serializers.JSONField()


class EventTypePageSerializer(serializers.Serializer[Any]):
    data = EventTypeSerializer(many=True)  # type: ignore[assignment]
    nextCursor = serializers.CharField(allow_null=True)


def _entry(event_type: EventType) -> dict[str, Any]:
    return {
        "name": event_type.name,
        "group": event_type.group,
        "groupLabel": GROUPS[event_type.group],
        "description": event_type.description,
        "providers": [provider.name for provider in all_providers() if event_type.emitted_by(provider)],
        "schema": event_type.schema,
        "example": event_type.example,
    }


def _example() -> dict[str, Any]:
    return {"data": [_entry(BY_NAME["message.sent"])], "nextCursor": None}


class EventTypesView(APIView):
    @extend_schema(
        operation_id="list_event_types",
        summary="List the events",
        description="Every event with its JSON Schema and an example, and the providers that can emit it.",
        tags=["Events"],
        responses={200: answer(EventTypePageSerializer, "The whole catalog.", _example())},
    )
    def get(self, request: Request) -> Response:
        return Response({"data": [_entry(event_type) for event_type in EVENT_TYPES], "nextCursor": None})
