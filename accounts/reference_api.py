"""GET /v1/openapi.json."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.openapi import answer


@cache
def document() -> dict[str, Any]:
    """Returns the OpenAPI description of every call under /v1, and of the webhooks. It is made once per process."""
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


class OpenApiView(APIView):
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="get_openapi",
        summary="This description",
        description="OpenAPI 3.1, for code generators and for machines that read. It needs no key.",
        tags=["Reference"],
        auth=[],
        responses={
            200: answer(
                {"type": "object", "required": ["openapi", "info", "paths", "components", "webhooks"]},
                "The description.",
                {
                    "openapi": "3.1.0",
                    "info": {"title": "WhatsApp Webhooks", "version": "1"},
                    "paths": {},
                    "components": {},
                    "webhooks": {},
                },
            )
        },
    )
    def get(self, request: Request) -> Response:
        return Response(document(), headers={"Cache-Control": "public, max-age=300"})
