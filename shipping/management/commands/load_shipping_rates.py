"""Make the rates of the shop's own methods what `shipping/tariff.py` says. Safe to run again."""

from typing import Any

from django.core.management.base import BaseCommand

from shipping import tariff
from shipping.services import load_rates


class Command(BaseCommand):
    help = "Loads shipping methods and their rates for all 27 states. Safe to run again: only differences are written."

    def handle(self, *args: Any, **options: Any) -> None:
        done = load_rates(tariff.METHODS, tariff.rows(), tariff.CURRENCY)
        self.stdout.write(
            f"{len(tariff.METHODS)} shipping methods: "
            f"{done.added} rates added, {done.changed} changed, {done.removed} removed, {done.kept} as they were."
        )
