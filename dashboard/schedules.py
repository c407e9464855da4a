"""What the worker does by the clock. These rows of django-q2 are made from this list and from nowhere else.

One row that cannot be run stops every other (the scheduler's loop is one transaction), so none is made by hand.
"""

from collections.abc import Sequence
from typing import Any

from django_q.models import Schedule

# (name, function, minutes between two runs)
SCHEDULES = [
    ("sweep", "webhooks.tasks.sweep", 1),
    ("retain", "webhooks.tasks.retain", 60),
]


def ensure_schedules(schedules: Sequence[tuple[str, str, int]] = SCHEDULES) -> None:
    """Makes the rows say what the list says; a row that is right keeps the time of its next run."""
    for name, function, minutes in schedules:
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": function,
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
                "args": None,
                "kwargs": None,
                "cluster": None,
            },
        )
    Schedule.objects.exclude(name__in=[name for name, _, _ in schedules]).delete()


def after_migrations(**kwargs: Any) -> None:
    """Receiver of post_migrate, of django-q2's own app: then its tables are there."""
    ensure_schedules()
