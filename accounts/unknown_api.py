"""What an address under /v1 answers that is none."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ApiError


class UnknownCallView(APIView):
    """404 in the API's own shape, with a key or without one."""

    schema = None
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise ApiError(
            404,
            "NOT_FOUND",
            "There is no call at this address. /docs lists them all; addresses end without a slash.",
        )

    def get(self, request: Request) -> Response:
        raise NotImplementedError
