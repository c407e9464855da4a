import sys
from typing import Any

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from webhooks import receivers  # noqa: F401

        if "qcluster" in sys.argv[1:2]:
            from django_q.signals import post_spawn

            # Imported before the workers are forked, so that not each one's first delivery waits for it.
            from webhooks import tasks  # noqa: F401

            post_spawn.connect(start_transport)


def start_transport(**kwargs: Any) -> None:
    """Starts a worker's event loop and loads its certificates before the first delivery needs them."""
    from webhooks.transport import transport

    transport()
