"""Door handles of the queue; each is safe to run twice."""

from accounts.wake import run
from webhooks.claiming import next_due_at
from webhooks.delivering import Drain
from webhooks.sweeping import sweep_all


def deliver() -> int:
    drain = Drain()
    try:
        return run("webhooks.tasks.deliver", drain.step, next_due_at)
    finally:
        drain.finish()


def sweep() -> None:
    sweep_all()
