from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.encryption import hash_key
from accounts.rekeying import rekey


class Command(BaseCommand):
    help = (
        "Rewrites everything that is encrypted under the first key of ENCRYPTION_KEYS (docs/operations.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--show-hash-key",
            action="store_true",
            help="Only prints the key of the look-up hashes, for HASH_KEY, before the oldest key is dropped.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show_hash_key"]:
            self.stdout.write(hash_key())
            return
        unreadable = []
        for done in rekey():
            self.stdout.write(f"{done.column}: {done.rewritten} rewritten")
            unreadable += [f"{done.column} of {pk}" for pk in done.unreadable]
        if unreadable:
            raise CommandError(
                f"{len(unreadable)} values cannot be read with any key of the ring; the first are "
                f"{', '.join(unreadable[:5])}. Drop no key before they are mended."
            )
        self.stdout.write(
            "Everything is under the newest key. With HASH_KEY set, the older ones can be dropped."
        )
