"""What may be kept and logged of an exception: where it happened, not what it says."""

import logging
import traceback

from accounts.ids import new_id

logger = logging.getLogger(__name__)


def describe(error: BaseException, frames: int = 6) -> str:
    """Returns the traceback of the last `frames` calls without the exception's message.

    A message can quote what somebody wrote ("invalid literal for int() with base 10: 'call me on +44…'"), and neither
    a log file nor an error column is blanked.
    """
    places = "".join(traceback.format_tb(error.__traceback__, limit=-frames))
    return f"{type(error).__name__}\n{places}"


def report(place: str, error: BaseException) -> str:
    """Logs that `place` failed; returns the id, `err_…`, by which its line in the log is found."""
    id = new_id("err")
    # An address can hold line breaks: nobody writes lines of their own into the log.
    place = place.encode("unicode_escape").decode("ascii")
    logger.error("%s: %s failed: %s", id, place, describe(error))
    return id
