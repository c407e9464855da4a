"""Makes somebody an agent of the support desk.

manage.py support_agent ana@example.com
manage.py support_agent ana@example.com --personal-data
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.agents import SUPPORT, SUPPORT_WITH_PERSONAL_DATA, NotAnAgent, make_agent


class Command(BaseCommand):
    help = "Lets somebody into the support desk, by a group of permissions that it makes or renews."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="a user's name or e-mail address; of nobody yet: one is made")
        parser.add_argument("--personal-data", action="store_true", help="may look at personal data, too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user, made = make_agent(options["name"], options["personal_data"])
        except NotAnAgent as problem:
            raise CommandError(str(problem)) from problem
        group = SUPPORT_WITH_PERSONAL_DATA if options["personal_data"] else SUPPORT
        self.stdout.write(f"{user.get_username()} is in the group “{group}”, and logs in at /admin.")
        if made:
            self.stdout.write("The user is new: “Forgot the password?” at the login sets a password.")
