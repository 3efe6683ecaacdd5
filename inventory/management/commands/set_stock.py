"""`manage.py set_stock SKU QUANTITY`: set a product's on-hand quantity in a warehouse."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from inventory import services
from inventory.exceptions import StockRefused


class Command(BaseCommand):
    help = "Set a product's on-hand quantity in a warehouse, overwriting the current one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sku")
        parser.add_argument("quantity", type=int)
        parser.add_argument("--warehouse", help="warehouse code (default: the active one that ships first)")

    def handle(self, *_args: Any, sku: str, quantity: int, warehouse: str | None, **_options: Any) -> None:
        try:
            stock = services.set_stock(sku, quantity, warehouse)
        except StockRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            _("%(sku)s in %(warehouse)s: %(on_hand)s on hand, %(reserved)s reserved, %(free)s available.")
            % {
                "sku": sku,
                "warehouse": stock.warehouse.code,
                "on_hand": stock.on_hand,
                "reserved": stock.reserved,
                "free": stock.on_hand - stock.reserved,
            }
        )
