"""Door handles of the queue; each is safe to run twice."""

from accounts.wake import run
from messaging.sending import next_due_at, send_batch


def send_due() -> int:
    return run("messaging.tasks.send_due", send_batch, next_due_at)
