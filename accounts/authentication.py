"""The `x-api-key: wak_…` header, or the same key as `Authorization: Bearer wak_…`."""

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.api import ApiError
from accounts.models import ApiKey
from accounts.rate_limits import Client


class ApiKeyUser:
    """The `request.user` of an API call: nobody of django.contrib.auth, but authenticated."""

    is_authenticated = True
    is_active = True
    pk = None

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __str__(self) -> str:
        return str(self.key)


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[ApiKeyUser, ApiKey] | None:
        text = sent_key(request)
        if text is None:
            return None
        client = Client(request, text)
        client.may_try()
        key = ApiKey.find(text)
        if key is None:
            client.was_wrong()
            raise ApiError(
                401,
                "API_KEY_INVALID",
                "This API key does not exist or was revoked. Send it whole, as it was shown when it was made.",
            )
        client.was_right()
        key.touch()
        return ApiKeyUser(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def sent_key(request: Request | HttpRequest) -> str | None:
    text = request.headers.get("x-api-key")
    if text is None:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
    return text.strip()


def api_key(request: Request) -> ApiKey:
    """The key that this API call came with; every queryset of the API starts from its workspace."""
    assert isinstance(request.auth, ApiKey)
    return request.auth
