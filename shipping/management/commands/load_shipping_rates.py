"""Load the rate table of `shipping/tariff.py` into the database. Idempotent."""

from typing import Any

from django.core.management.base import BaseCommand

from shipping import tariff
from shipping.services import load_rates


class Command(BaseCommand):
    help = "Loads shipping methods and their rates for all 27 states. Idempotent: writes only differences."

    def handle(self, *args: Any, **options: Any) -> None:
        done = load_rates(tariff.METHODS, tariff.rows(), tariff.CURRENCY)
        self.stdout.write(
            f"{len(tariff.METHODS)} shipping methods: "
            f"{done.added} rates added, {done.changed} changed, {done.removed} removed, {done.kept} unchanged."
        )
