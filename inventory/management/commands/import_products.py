"""`manage.py import_products FILE.csv`: import products and stock from Shopify's product CSV."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from inventory import services
from inventory.exceptions import StockRefused
from inventory.imports.product_rows import ProductsWritten
from inventory.imports.report import Catalogue, Subject
from inventory.imports.services import import_catalogue
from inventory.imports.sheets import UnreadableFile
from inventory.imports.shopify import read_catalogue

MAX_SKUS_SHOWN = 10
MAX_SENTENCES_SHOWN = 20
MAX_LINES_SHOWN = 20
ASSUMED = 3


class Command(BaseCommand):
    help = (
        "Import a product CSV exported from Shopify. What is odd is reported by line with what was assumed; what "
        "cannot be sold is refused. Safe to run again: existing stock is kept. Exit codes: 0 if all was read as it "
        "is written, 3 if something was assumed, 1 if rows or the whole file were refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="report what would happen, write nothing")
        parser.add_argument("--warehouse", help="warehouse code (default: the active one that ships first)")
        parser.add_argument("--update-stock", action="store_true", help="also overwrite existing stock")

    def handle(
        self,
        *_args: Any,
        file: Path,
        dry_run: bool,
        warehouse: str | None,
        update_stock: bool,
        verbosity: int = 1,
        **_options: Any,
    ) -> None:
        try:
            code = services.find_warehouse(warehouse).code
            catalogue = read_catalogue(file, code)
            written = import_catalogue(
                catalogue,
                update_stock=update_stock,
                dry_run=dry_run,
                progress=partial(self._progress, total=len(catalogue.rows)),
            )
        except (UnreadableFile, StockRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self._report_assumptions(catalogue, show_all=verbosity > 1)
        self._report(catalogue, written, dry_run=dry_run)

    def _progress(self, done: int, total: int) -> None:
        self.stdout.write(_("%(done)s of %(total)s products …") % {"done": done, "total": total})

    def _report_assumptions(self, catalogue: Catalogue, *, show_all: bool) -> None:
        for subject, count in catalogue.counts().items():
            self.stdout.write(
                _("Assumed about %(subject)s (%(count)s):") % {"subject": Subject(subject).label, "count": count}
            )
            sentences = catalogue.sentences(Subject(subject), None if show_all else MAX_LINES_SHOWN)
            shown = sentences if show_all else sentences[:MAX_SENTENCES_SHOWN]
            for sentence in shown:
                self.stdout.write(f"  {sentence}")
            if len(sentences) > len(shown):
                more = _("and %(count)s more; --verbosity 2 shows all.") % {"count": len(sentences) - len(shown)}
                self.stdout.write(f"  {more}")

    def _report(self, catalogue: Catalogue, written: ProductsWritten, *, dry_run: bool) -> None:
        for problem in catalogue.problems:
            self.stderr.write(str(problem))
        if written.stock_kept:
            self.stdout.write(
                _("The stock of these products differs from the file and was kept (%(count)s): %(skus)s")
                % {"count": len(written.stock_kept), "skus": _some(written.stock_kept)}
            )
        if written.price_kept:
            self.stdout.write(
                _("These products are sold in another currency and keep their price (%(count)s): %(skus)s")
                % {"count": len(written.price_kept), "skus": _some(written.price_kept)}
            )
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written. The result would have been:"))
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
                _("%(bad)s of %(all)s rows were refused for the reasons above.")
                % {"bad": len(catalogue.problems), "all": catalogue.rows_read}
            )
        if catalogue.assumptions:
            raise CommandError(
                _("All rows were read, with the assumptions above (%(count)s). Please check them.")
                % {"count": len(catalogue.assumptions)},
                returncode=ASSUMED,
            )


def _some(skus: list[str]) -> str:
    return ", ".join(skus[:MAX_SKUS_SHOWN]) + (" …" if len(skus) > MAX_SKUS_SHOWN else "")
