"""What the log says of requests: no token that an address holds, and of a refusal no traceback."""

import logging
import re

# Whoever has one of these may post as a gateway, join a workspace, set a password or take an account to their mailbox.
TOKENS = re.compile(r"(/(?:ingest/(?:evolution|waha)|join|password-reset/[^/\s]+|profile/email)/)[^/\s?]+")


class WithoutTokens(logging.Filter):
    """Writes … for the token of an address."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked = TOKENS.sub(r"\1…", text)
        if masked != text:
            record.msg, record.args = masked, ()
        return True


class WithoutTraceback(logging.Filter):
    """For what says all in its sentence, or in a line of its own (accounts/failures.py)."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True
