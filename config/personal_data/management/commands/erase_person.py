"""`manage.py erase_person EMAIL`: forget a person, but for what the law demands."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config.exceptions import Refusal
from config.personal_data import services

# Of the command, while orders are under way.
NOT_YET = 3


class Command(BaseCommand):
    help = (
        "Forget a person, but for what the law demands (docs/privacy.md). Make sure first that the address is theirs. "
        "Exit code 3: orders are under way, so call it again once they are finished."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *_args: Any, email: str, **_options: Any) -> None:
        try:
            erasure = services.erase(email)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        for name, rows in erasure.rows.items():
            self.stdout.write(f"{name}: {rows}")
        if not erasure.is_complete:
            numbers = ", ".join(erasure.under_way)
            self.stderr.write(_("Under way, erase again once they are finished: %(numbers)s") % {"numbers": numbers})
            sys.exit(NOT_YET)
