"""Where a number's provider posts to."""

from django.conf import settings

from phone_numbers.models import Number


def ingest_url(number: Number) -> str | None:
    """Returns the address to enter at the provider; None for the simulator, which posts from inside.

    A gateway's address holds the number's token and is as secret as a key; Meta's is the same for every number.
    """
    match number.provider:
        case "simulator":
            return None
        case "meta":
            return f"{settings.PUBLIC_URL}/ingest/meta"
        case provider:
            return f"{settings.PUBLIC_URL}/ingest/{provider}/{number.ingest_token}"
