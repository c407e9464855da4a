"""The worker, in place of django-q2's command of this name: see accounts/cluster.py."""

from typing import Any

from django_q.management.commands import qcluster

from accounts.cluster import run
from webhooks.sweeping import sweep_all


class Command(qcluster.Command):  # type: ignore[misc]
    help = "Runs the drains and the schedules until SIGTERM or SIGINT, and starts its processes anew when one dies."

    def handle(self, *args: Any, **options: Any) -> None:
        if options["run_once"]:
            super().handle(*args, **options)
        else:
            run(sweep_all)
