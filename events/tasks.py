"""Door handles of the queue; each is safe to run twice."""

from accounts.wake import run
from events.normalizing import next_due_at, normalize_batch


def normalize() -> int:
    return run("events.tasks.normalize", normalize_batch, next_due_at)
