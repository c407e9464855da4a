"""Which numbers an API call may see, and which one it acts for.

A key is limited to one number or belongs to the whole workspace; then the header `x-whatsapp-number-id`, or
`whatsappNumberId` in the body or the query, names the number.
"""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request

from accounts.api import ApiError
from accounts.authentication import api_key
from phone_numbers import api_examples
from phone_numbers.models import Number, NumberQuerySet

NUMBER_HEADER = OpenApiParameter(
    "x-whatsapp-number-id",
    location=OpenApiParameter.HEADER,
    description="The number that a key of the whole workspace acts for.",
    examples=[OpenApiExample("example", api_examples.ID)],
)


def visible_numbers(request: Request) -> NumberQuerySet:
    """The numbers that the key of this call may see; those too that were removed and not yet purged."""
    key = api_key(request)
    numbers = Number.objects.filter(workspace=key.workspace_id)
    return numbers.filter(pk=key.number_id) if key.number_id else numbers


def named_number_id(request: Request) -> str:
    """What the header, the body or the query says under the number's name; "" for nothing. It may be anything.

    Raises ApiError: 400 NUMBER_MISMATCH where they say different things.
    """
    body = request.data if isinstance(request.data, dict) else {}
    said = (
        request.headers.get("x-whatsapp-number-id"),
        body.get("whatsappNumberId"),
        request.query_params.get("whatsappNumberId"),
    )
    names = {value for value in said if isinstance(value, str) and value}
    if len(names) > 1:
        raise ApiError(
            400,
            "NUMBER_MISMATCH",
            "This call names more than one number, in the header x-whatsapp-number-id and in whatsappNumberId.",
        )
    return next(iter(names), "")


def acting_number(request: Request) -> Number:
    """Returns the number in service that this call acts for: a limited key's own, whatever else is named.

    Raises ApiError: 400 NUMBER_REQUIRED, NUMBER_MISMATCH, 404 NUMBER_NOT_FOUND.
    """
    id = api_key(request).number_id or named_number_id(request)
    if not id:
        raise ApiError(
            400,
            "NUMBER_REQUIRED",
            "This key is for the whole workspace: name the number in whatsappNumberId, or in the header"
            " x-whatsapp-number-id.",
        )
    return number_or_404(visible_numbers(request).active(), id)


def named_number(request: Request) -> Number | None:
    """Returns the number that a call with a key of the whole workspace names, of those it sees; None: all of them."""
    id = "" if api_key(request).number_id else named_number_id(request)
    return number_or_404(visible_numbers(request), id) if id else None


def number_or_404(numbers: NumberQuerySet, id: str) -> Number:
    number = None if "\0" in id else numbers.filter(pk=id).first()
    if number is None:
        raise ApiError(404, "NUMBER_NOT_FOUND", "There is no number with this id that your key may see.")
    return number


def require_workspace_key(request: Request) -> None:
    """Raises ApiError 403 NUMBER_SCOPE_NOT_ALLOWED for a key that is limited to one number."""
    if api_key(request).number_id:
        raise ApiError(
            403,
            "NUMBER_SCOPE_NOT_ALLOWED",
            "This key is limited to one number. Use a key of the whole workspace.",
        )
