"""Door handles of the queue; each is safe to run twice."""

from accounts.wake import run
from webhooks import recovering, warning
from webhooks.claiming import next_due_at
from webhooks.delivering import Drain
from webhooks.pruning import Pruning
from webhooks.retention import Blanking, next_number_due_at, plan
from webhooks.sweeping import sweep_all


def deliver() -> int:
    drain = Drain()
    try:
        return run("webhooks.tasks.deliver", drain.step, next_due_at)
    finally:
        drain.finish()


def recover() -> int:
    return run("webhooks.tasks.recover", recovering.recover_chunk, recovering.next_due_at)


def warn() -> int:
    return run("webhooks.tasks.warn", warning.warn_batch, lambda: None)


def sweep() -> None:
    sweep_all()


def blank() -> int:
    blanking = Blanking()
    try:
        return run("webhooks.tasks.blank", blanking.step, next_number_due_at)
    finally:
        blanking.finish()


def retain() -> int:
    plan()
    return run("webhooks.tasks.retain", Pruning().step, lambda: None)
