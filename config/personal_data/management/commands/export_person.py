"""`manage.py export_person EMAIL`: print all that the shop knows of a person, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from config.exceptions import Refusal
from config.personal_data import services


class Command(BaseCommand):
    help = "Print all that the shop knows of a person, as JSON. Make sure first that the address is theirs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *_args: Any, email: str, **_options: Any) -> None:
        try:
            known = services.export(email)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(json.dumps(known, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
