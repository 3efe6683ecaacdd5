"""`manage.py import_products FILE.csv`: Shopify's product CSV becomes products with stock."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory import services
from inventory.exceptions import StockRefused
from inventory.product_rows import ProductsWritten
from inventory.shopify import Catalogue, UnreadableFile, read_catalogue

NAMED_AT_MOST = 10


class Command(BaseCommand):
    help = (
        "Import a product CSV as Shopify exports it. Good rows are imported, bad ones are reported with their line and "
        "make the command end with an error. Safe to run again: stock that is there stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--warehouse", help="code of where the goods lie; without it, the one goods leave first")
        parser.add_argument(
            "--update-stock", action="store_true", help="also set the stock of products that have some already"
        )

    def handle(
        self, *_args: Any, file: Path, dry_run: bool, warehouse: str | None, update_stock: bool, **_options: Any
    ) -> None:
        try:
            code = services.find_warehouse(warehouse).code
            catalogue = read_catalogue(file, code)
            written = services.write_products(
                catalogue.rows,
                update_stock=update_stock,
                dry_run=dry_run,
                progress=lambda done: self.stdout.write(f"{done} of {len(catalogue.rows)} products …"),
            )
        except (UnreadableFile, StockRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self._report(catalogue, written, dry_run=dry_run)

    def _report(self, catalogue: Catalogue, written: ProductsWritten, *, dry_run: bool) -> None:
        for problem in catalogue.problems:
            self.stderr.write(f"Line {problem.line}: {problem.reason}.")
        if written.stock_kept:
            named = ", ".join(written.stock_kept[:NAMED_AT_MOST])
            more = " …" if len(written.stock_kept) > NAMED_AT_MOST else ""
            self.stdout.write(
                f"The stock of {len(written.stock_kept)} products differs from the file's and stays: {named}{more}"
            )
        would = "Dry run, nothing was written: it would have been " if dry_run else ""
        self.stdout.write(
            f"{would}{written.created} created, {written.changed} changed, {written.unchanged} unchanged, "
            f"{written.stocked} stock entries set."
        )
        if catalogue.problems:
            raise CommandError(
                f"{len(catalogue.problems)} of {catalogue.rows_read} rows were left out, for the reasons above."
            )
