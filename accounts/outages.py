"""The database is away: what says so, and how an answer does."""

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response

logger = logging.getLogger(__name__)

# Not DatabaseError: the rest of it is about one statement or one row, and the next try fails as this one did.
DATABASE_AWAY = (OperationalError, InterfaceError)
RETRY_AFTER = 5


def announce(response: HttpResponse, request: HttpRequest, problem: Exception) -> None:
    """Puts Retry-After on a 503, and one line into the log: Django's own would be an error for every call."""
    response.headers["Retry-After"] = str(RETRY_AFTER)
    reason = str(problem).strip().partition("\n")[0] or type(problem).__name__
    log_response(
        "The database does not answer; %s was refused: %s",
        request.path,
        reason,
        response=response,
        request=request,
        logger=logger,
        level="warning",
    )
