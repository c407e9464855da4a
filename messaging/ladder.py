"""The status ladder: queued, sent, delivered, read; failed beside it. Pure: what a report does to a status.

Each rung is reached at most once and in order; a missing lower rung is climbed first; nothing goes backwards.
"""

from collections.abc import Iterable

from phone_numbers.reports import MessageStatus

RUNGS = [MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ]


def climb(reached: Iterable[MessageStatus], reported: MessageStatus) -> list[MessageStatus]:
    """Returns the rungs that a report adds, lowest first; [] for a late or repeated one.

    `reached`: what the message has reached before. A failure counts only while the message is not delivered; after a
    failure nothing follows.
    """
    before = set(reached)
    if MessageStatus.FAILED in before:
        return []
    if reported is MessageStatus.FAILED:
        return [] if before & {MessageStatus.DELIVERED, MessageStatus.READ} else [MessageStatus.FAILED]
    if reported in before or any(rung in before for rung in RUNGS[RUNGS.index(reported) :]):
        return []
    return [rung for rung in RUNGS[: RUNGS.index(reported) + 1] if rung not in before]
