"""`manage.py seed_scale`: fill an empty database with a million carts and more, to see how it behaves."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from checkout import seed_scale


class Command(BaseCommand):
    help = (
        "Fill an empty database at scale, to check plans and capacity: products with stock, carts, and paid orders. "
        "Never run it on a database that sells."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--products", type=int, default=1_000_000)
        parser.add_argument("--carts", type=int, default=1_000_000)
        parser.add_argument(
            "--order-lines", type=int, default=5_000_000, help=f"{seed_scale.LINES_PER_ORDER} lines make an order"
        )

    def handle(self, *_args: Any, products: int, carts: int, order_lines: int, **_options: Any) -> None:
        if products < 10 or min(carts, order_lines) < 1:
            raise CommandError("Needs at least ten products, one cart and one order line.")
        started = time.monotonic()

        def report(what: str, done: int, wanted: int) -> None:
            self.stdout.write(f"{time.monotonic() - started:7.1f} s  {what}: {done:,} of {wanted:,}")

        try:
            seed_scale.seed(products=products, carts=carts, order_lines=order_lines, progress=report)
        except seed_scale.AlreadySeeded:
            raise CommandError("This database is already seeded. Use an empty one.") from None
        self.stdout.write(f"{time.monotonic() - started:7.1f} s  done")
