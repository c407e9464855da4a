import os
import sys
from collections import Counter, deque
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from webhooks.relaying import Log, News, Notice, Reached, RelayError, Target, Try, relay
from webhooks.signing import new_secret
from webhooks.wording import count, duration

# Rows that the table of a terminal shows.
SHOWN = 15


class Command(BaseCommand):
    help = "Relays the events of a workspace to an address on this machine, signed as deliveries are (docs/listen.md)."
    # It speaks to the API alone, which may be far away.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", required=True, metavar="URL", help="where to post, http://127.0.0.1:3000/hook"
        )
        parser.add_argument(
            "--api",
            default=os.environ.get("WEBHOOKS_API", "http://127.0.0.1:8000"),
            metavar="URL",
            help="the server; default: the environment's WEBHOOKS_API, else this machine's port 8000",
        )
        parser.add_argument(
            "--key", default="", help="an API key; default: the environment's WEBHOOKS_API_KEY"
        )
        parser.add_argument(
            "--type", action="append", default=[], metavar="EVENT", help="only this event; may be repeated"
        )
        parser.add_argument("--number", default="", metavar="ID", help="only this number")
        parser.add_argument(
            "--secret", default="", help="signs; default: the environment's WEBHOOK_SECRET, else a new one"
        )
        start = parser.add_mutually_exclusive_group()
        start.add_argument("--since", metavar="MOMENT", help="begin in the past: 2026-02-24T10:30:00Z")
        start.add_argument("--from-now", action="store_true", help="begin now, whatever the cursor file says")
        parser.add_argument(
            "--cursor", type=Path, metavar="FILE", help="go on where the last run with this file ended"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key = options["key"] or os.environ.get("WEBHOOKS_API_KEY", "")
        if not key:
            raise CommandError("Name an API key: --key, or WEBHOOKS_API_KEY in the environment.")
        given = options["secret"] or os.environ.get("WEBHOOK_SECRET", "")
        secret = given or new_secret()
        try:
            log = Log(options["api"], key, options["type"], options["number"])
            news = relay(log, Target(options["to"], secret), self._start(options))
            # Only now is it asked for: a key that is refused is said before anything else.
            first = next(news)
            self.stdout.write(f"Relaying {log.url} to {options['to']}. Ctrl-C ends it.")
            if not given:
                self.stdout.write(f"Signed with {secret}")
            self._watch(chain([first], news), options["cursor"])
        except RelayError as problem:
            raise CommandError(str(problem)) from problem

    def _start(self, options: dict[str, Any]) -> dict[str, str]:
        if options["since"]:
            return {"since": options["since"]}
        file: Path | None = options["cursor"]
        if file is not None and not options["from_now"]:
            try:
                if cursor := file.read_text().strip():
                    return {"after": cursor}
            except FileNotFoundError:
                pass
            except (OSError, UnicodeDecodeError) as problem:
                raise CommandError(f"The cursor file cannot be read: {problem}") from problem
        return {"after": "latest"}

    def _watch(self, news: Iterable[News], file: Path | None) -> None:
        shown = Table() if sys.stdout.isatty() and self.stdout.isatty() else Lines(self.stdout)
        ended: Counter[bool] = Counter()
        try:
            with shown:
                for one in news:
                    if isinstance(one, Reached):
                        _keep(file, one.cursor)
                        continue
                    shown.show(one)
                    if isinstance(one, Try) and one.retry_in is None:
                        ended[one.succeeded] += 1
        except KeyboardInterrupt:
            pass
        self.stdout.write(
            f"\nEnded: {count(ended[True], 'event')} relayed, {ended[False]} not taken by the target."
        )


def _keep(file: Path | None, cursor: str) -> None:
    if file is None:
        return
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.write_text(cursor + "\n")
        fresh.replace(file)
    except OSError as problem:
        raise CommandError(f"The cursor file cannot be written: {problem}") from problem


def _cells(tried: Try) -> list[str]:
    outcome = str(tried.status) if tried.status is not None else tried.error
    if tried.retry_in is not None:
        outcome += f", again in {tried.retry_in:.0f} s"
    elif not tried.succeeded:
        outcome += f", given up after {count(tried.attempt, 'try', 'tries')}"
    at = timezone.localtime(tried.at).strftime("%H:%M:%S")
    return [at, tried.event_type, tried.event_id, outcome, duration(tried.milliseconds)]


class Lines:
    """A line per try, for a file or a pipe."""

    def __init__(self, stdout: Any) -> None:
        self._stdout = stdout

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: Any) -> None:
        pass

    def show(self, one: Try | Notice) -> None:
        self._stdout.write(one.sentence if isinstance(one, Notice) else "  ".join(_cells(one)))
        self._stdout.flush()


class Table:
    """The latest tries as a table that stays in its place."""

    def __init__(self) -> None:
        from rich.live import Live

        self._rows: deque[Try] = deque(maxlen=SHOWN)
        self._live = Live(auto_refresh=False)

    def __enter__(self) -> None:
        self._live.__enter__()

    def __exit__(self, *exception: Any) -> None:
        self._live.__exit__(*exception)

    def show(self, one: Try | Notice) -> None:
        if isinstance(one, Notice):
            self._live.console.print(one.sentence, style="yellow", markup=False)
        else:
            self._rows.append(one)
            self._live.update(self._table(), refresh=True)

    def _table(self) -> Any:
        from rich import box, table

        drawn = table.Table("time", "event", "id", "status", "took", box=box.SIMPLE, header_style="dim")
        for row in self._rows:
            colour = "green" if row.succeeded else "red" if row.retry_in is None else "yellow"
            cells = _cells(row)
            drawn.add_row(*cells[:3], f"[{colour}]{cells[3]}[/]", cells[4])
        return drawn
