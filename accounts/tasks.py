"""Door handles of the queue; each is safe to run twice."""

from accounts import mailing
from accounts.wake import run


def mail() -> int:
    return run("accounts.tasks.mail", mailing.mail_batch, mailing.next_due_at)
