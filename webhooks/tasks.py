"""Door handles of the queue; each is safe to run twice."""

from django.conf import settings
from django.utils import timezone

from accounts.wake import run, run_in_slots
from webhooks import closing, erasing, recovering, warning
from webhooks.claiming import next_due_at
from webhooks.delivering import Drain
from webhooks.ordering import release_forgotten
from webhooks.pruning import Pruning
from webhooks.retention import Blanking, next_number_due_at, plan
from webhooks.sweeping import sweep_all


def deliver(slot: int = 0) -> int:
    drain = Drain()
    try:
        return run_in_slots(
            "webhooks.tasks.deliver",
            slot,
            settings.DELIVER_SLOTS,
            drain.step,
            next_due_at,
            lambda: drain.is_full,
        )
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
    try:
        return run("webhooks.tasks.retain", Pruning().step, lambda: None)
    finally:
        release_forgotten(timezone.now())


def close() -> int:
    return run("webhooks.tasks.close", closing.close_chunk, closing.next_due_at)


def erase() -> int:
    return run("webhooks.tasks.erase", erasing.erase_chunk, erasing.next_due_at)
