"""Recovers what webhooks missed, of one or of all: for the morning after an outage on our side.

manage.py recover --since 2026-11-24T22:00:00Z --preview
manage.py recover --since 2026-11-24T22:00:00Z --webhook wh_… --webhook wh_… --enable
"""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from webhooks.activating import set_active
from webhooks.models import Webhook
from webhooks.recovering import Kind, preview, start


class Command(BaseCommand):
    help = "Sends again what webhooks missed since a moment, behind their live traffic; prints a line per webhook."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, help="ISO 8601 with a zone: 2026-11-24T22:00:00Z")
        parser.add_argument(
            "--webhook", action="append", default=[], help="an id; without any, every webhook"
        )
        parser.add_argument(
            "--kind", choices=[Kind.FAILED.value, Kind.MISSED.value], default=Kind.FAILED.value,
            help="failed: given up or held. missed: also what was never sent, such as events of before a subscription",
        )  # fmt: skip
        parser.add_argument("--enable", action="store_true", help="enables those that are disabled first")
        parser.add_argument("--preview", action="store_true", help="only counts")

    def handle(self, *args: Any, **options: Any) -> None:
        since = _moment(options["since"])
        for webhook in _chosen(options["webhook"]):
            count = preview(webhook, options["kind"], since)
            self.stdout.write(f"{webhook.pk}  {count:>8,}  {self._recover(webhook, count, since, options)}")

    def _recover(self, webhook: Webhook, count: int, since: datetime, options: dict[str, Any]) -> str:
        if not count:
            return "nothing to recover"
        if not webhook.active and not options["enable"]:
            return "disabled: add --enable to enable and recover it"
        if options["preview"]:
            return "to recover"
        if not webhook.active:
            set_active([webhook], True)
        return f"recovering as {start(webhook, options['kind'], since).pk}"


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError("--since is a moment with a zone, such as 2026-11-24T22:00:00Z.")
    if moment > timezone.now():
        raise CommandError("--since lies in the future.")
    return moment


def _chosen(ids: list[str]) -> list[Webhook]:
    webhooks = Webhook.objects.existing().order_by("pk")
    if not ids:
        return list(webhooks)
    found = {webhook.pk: webhook for webhook in webhooks.filter(pk__in=ids)}
    if missing := [pk for pk in ids if pk not in found]:
        raise CommandError(f"There is no webhook {', '.join(missing)}.")
    return list(found.values())
