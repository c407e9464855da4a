"""Door handles of the queue; each is safe to run twice."""

from accounts.wake import run
from phone_numbers.health import check_batch, next_due_at


def check_health() -> int:
    return run("phone_numbers.tasks.check_health", check_batch, next_due_at)
