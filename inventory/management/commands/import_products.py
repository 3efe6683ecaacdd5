"""`manage.py import_products FILE.csv`: Shopify's product CSV becomes products with stock."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from inventory import services
from inventory.exceptions import StockRefused
from inventory.imports.product_rows import ProductsWritten
from inventory.imports.services import write_products
from inventory.imports.shopify import Catalogue, UnreadableFile, read_catalogue

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
            written = write_products(
                catalogue.rows,
                update_stock=update_stock,
                dry_run=dry_run,
                progress=partial(self._progress, total=len(catalogue.rows)),
            )
        except (UnreadableFile, StockRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self._report(catalogue, written, dry_run=dry_run)

    def _progress(self, done: int, total: int) -> None:
        self.stdout.write(_("%(done)s of %(total)s products …") % {"done": done, "total": total})

    def _report(self, catalogue: Catalogue, written: ProductsWritten, *, dry_run: bool) -> None:
        for problem in catalogue.problems:
            self.stderr.write(_("Line %(line)s: %(reason)s.") % {"line": problem.line, "reason": problem.reason})
        if written.stock_kept:
            named = ", ".join(written.stock_kept[:NAMED_AT_MOST])
            more = " …" if len(written.stock_kept) > NAMED_AT_MOST else ""
            self.stdout.write(
                _("The stock of these products differs from the file and stays as it is (%(count)s): %(skus)s")
                % {"count": len(written.stock_kept), "skus": named + more}
            )
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written. It would have been:"))
        self.stdout.write(
            _("%(created)s created, %(changed)s changed, %(unchanged)s unchanged, %(stocked)s stock entries set.")
            % {
                "created": written.created,
                "changed": written.changed,
                "unchanged": written.unchanged,
                "stocked": written.stocked,
            }
        )
        if catalogue.problems:
            raise CommandError(
                _("%(bad)s of %(all)s rows were left out, for the reasons above.")
                % {"bad": len(catalogue.problems), "all": catalogue.rows_read}
            )
