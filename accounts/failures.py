"""What may be kept and logged of an exception: where it happened, not what it says."""

import traceback


def describe(error: BaseException, frames: int = 6) -> str:
    """Returns the traceback of the last `frames` calls without the exception's message.

    A message can quote what somebody wrote ("invalid literal for int() with base 10: 'call me on +44…'"), and neither
    a log file nor an error column is blanked.
    """
    places = "".join(traceback.format_tb(error.__traceback__, limit=-frames))
    return f"{type(error).__name__}\n{places}"
