"""Deletes now what has outlived its KEEP_… setting, as the hourly job does: after one of them was lowered, say."""

from typing import Any

from django.core.management.base import BaseCommand

from webhooks.pruning import Pruning


class Command(BaseCommand):
    help = "Deletes what has outlived its KEEP_… setting, a chunk at a time; can be stopped and run again."

    def handle(self, *args: Any, **options: Any) -> None:
        pruning, deleted = Pruning(), 0
        while size := pruning.step():
            deleted += size
        self.stdout.write(f"{deleted:,} rows deleted.")
