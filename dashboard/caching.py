"""Pages and answers are personal: neither a browser nor a proxy keeps them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class CachingMiddleware:
    """A view that may be kept sets the header itself; files of /static are answered before."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
