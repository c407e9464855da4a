import json
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from dashboard import demo
from webhooks.targets import TargetError


class Command(BaseCommand):
    help = "Makes the demo workspace, or finds it, and prints how to get in. Refuses where DEMO is off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")
        parser.add_argument(
            "--receiver-url", help="also subscribe a webhook there to all of the demo number's events"
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = demo.seed()
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from problem
        answer = {
            "workspaceId": made.workspace.pk,
            "numberId": made.number.pk,
            "phone": made.number.phone,
            "apiKey": made.api_key,
            "dashboardUser": made.user.username,
            "dashboardPassword": made.password,
        }
        if options["receiver_url"]:
            try:
                webhook = demo.listen(made, options["receiver_url"])
            except TargetError as problem:
                raise CommandError(f"--receiver-url: {problem}") from problem
            answer |= {"webhookId": webhook.pk, "webhookSecret": demo.secret_of(webhook)}
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            for name, value in answer.items():
                self.stdout.write(f"{name:<18} {value}")
