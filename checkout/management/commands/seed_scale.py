"""`manage.py seed_scale`: fills an empty database with a million carts and more, to see how it behaves then."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from checkout import seed_scale


class Command(BaseCommand):
    help = (
        "Fill an empty database at scale, for plans and capacity: products with stock, carts, and paid orders. "
        "Never on a database that people buy from."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--products", type=int, default=1_000_000)
        parser.add_argument("--carts", type=int, default=1_000_000)
        parser.add_argument(
            "--order-lines", type=int, default=5_000_000, help=f"{seed_scale.LINES_PER_ORDER} of them make an order"
        )

    def handle(self, *_args: Any, products: int, carts: int, order_lines: int, **_options: Any) -> None:
        if products < 10 or min(carts, order_lines) < 1:
            raise CommandError("Ten products at least, one cart and one order line.")
        begun = time.monotonic()

        def tell(what: str, done: int, wanted: int) -> None:
            self.stdout.write(f"{time.monotonic() - begun:7.1f} s  {what}: {done:,} of {wanted:,}")

        try:
            seed_scale.seed(products=products, carts=carts, order_lines=order_lines, progress=tell)
        except seed_scale.AlreadySeeded:
            raise CommandError("This database was filled before. Take an empty one.") from None
        self.stdout.write(f"{time.monotonic() - begun:7.1f} s  done")
