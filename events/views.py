"""The provider doors: verify the proof on the raw bytes, store, commit, answer. Milliseconds, and no API key."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.outages import DATABASE_AWAY, announce
from events import inbox
from phone_numbers.models import Number
from phone_numbers.providers import get_provider
from phone_numbers.providers.base import IngestRequest
from phone_numbers.providers.meta.verification import handshake


def door(*methods: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view for a provider, by these methods: without a session, and 503 while the database is away.

    The provider posts again then; a 200 would lose the payload.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @require_http_methods([*methods])
        @wraps(view)
        def wrapper(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except DATABASE_AWAY as problem:
                response = _refusal(503, "TRY_AGAIN", "The payload could not be stored. Send it again.")
                announce(response, request, problem)
                return response

        return wrapper

    return decorate


@door("GET", "POST")
def meta(request: HttpRequest) -> HttpResponse:
    """GET: the hub.verify_token handshake. POST: payloads of any number of the Meta app."""
    if request.method == "GET":
        challenge = handshake(request.GET.dict())
        if challenge is None:
            return _refusal(
                403, "VERIFY_TOKEN_WRONG", "hub.verify_token is not this server's META_VERIFY_TOKEN."
            )
        return HttpResponse(challenge, content_type="text/plain")
    return _take("meta", request, None)


@door("POST")
def gateway(request: HttpRequest, provider: str, ingest_token: str) -> HttpResponse:
    """Payloads of the one number that the unguessable token in the address names."""
    number = Number.objects.filter(provider=provider, ingest_token=ingest_token).first()
    if number is None:
        return _refusal(403, "INGEST_TOKEN_WRONG", "This ingest address belongs to no number.")
    return _take(provider, request, number)


def _take(provider_name: str, request: HttpRequest, number: Number | None) -> HttpResponse:
    provider = get_provider(provider_name)
    body = _body(request)
    if body is None:
        return _refusal(413, "PAYLOAD_TOO_LARGE", f"A payload is at most {settings.INGEST_MAX_BYTES} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not provider.verify(IngestRequest(body=body, headers=headers), number):
        return _refusal(403, "PROOF_WRONG", "The signature does not fit the body. Nothing was stored.")
    try:
        parts = provider.route(body)
    except ValueError as problem:
        return _refusal(400, "INVALID_JSON", str(problem) or "The body is not a JSON object.")
    inbox.store(provider_name, parts, number if number is None or number.deleted_at is None else None)
    return JsonResponse({"ok": True})


def _body(request: HttpRequest) -> bytes | None:
    """The raw bytes, or None where there are too many."""
    limit = settings.INGEST_MAX_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        return None
    body: bytes = request.read(limit + 1)
    return body if len(body) <= limit else None


def _refusal(status: int, code: str, sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence, "code": code, "details": {}}, status=status)
