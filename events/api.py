"""/v1/event-types: the catalog."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.catalog import EVENT_TYPES, GROUPS
from phone_numbers.providers import all_providers


class EventTypeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    group = serializers.CharField()
    groupLabel = serializers.CharField()
    description = serializers.CharField()
    providers = serializers.ListField(child=serializers.CharField(), help_text="Those that can emit it.")
    schema = serializers.JSONField(help_text="The JSON Schema of the body.")
    example = serializers.JSONField()


class EventTypesView(APIView):
    @extend_schema(
        operation_id="list_event_types",
        summary="List the events",
        description="Every event with its JSON Schema and an example, and the providers that can emit it.",
        tags=["Events"],
        responses=EventTypeSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        providers = all_providers()
        rows = [
            {
                "name": event_type.name,
                "group": event_type.group,
                "groupLabel": GROUPS[event_type.group],
                "description": event_type.description,
                "providers": [provider.name for provider in providers if event_type.emitted_by(provider)],
                "schema": event_type.schema,
                "example": event_type.example,
            }
            for event_type in EVENT_TYPES
        ]
        return Response({"data": rows, "nextCursor": None})
