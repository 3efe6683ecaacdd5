"""Prices, quantities, weights and flags as exports and spreadsheets write them."""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import get_currency_symbol
from django.conf import settings
from django.utils.translation import gettext as _

from config.form_fields import AmbiguousNumber, decimal_sign_of, read_number
from config.money import round_money
from inventory.imports.product_rows import DEFAULT_WEIGHT_GRAMS
from inventory.imports.report import Assumption, Subject
from inventory.imports.sheets import Record, Sheet

MAX_UNITS = 1_000_000
MAX_GRAMS = 1_000_000
MAX_PRICE = Decimal("99999999.99")
SKU_LENGTH = 64
# Spreadsheets write these in the language of whoever saved the file.
TRUE = frozenset({"true", "yes", "1", "verdadeiro", "sim", "verdadero", "sí", "vrai", "oui", "wahr", "ja", "vero"})
FALSE = frozenset({"false", "no", "0", "falso", "não", "nao", "faux", "non", "falsch", "nein"})
_NUMBER_COLUMNS = ("Price", "Grams", "Quantity")
# A bar code that a spreadsheet has turned into a number: 7.89E+12.
_ROUNDED_CODE = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)


class BadRow(Exception):
    """One row cannot be imported; the message is the reason."""


class CellReader:
    """Reads the cells of a sheet, with the decimal sign that its numbers show, and notes what it assumes."""

    def __init__(self, sheet: Sheet) -> None:
        self.assumptions: list[Assumption] = []
        self._names = sheet.names
        self._sign = self._decimal_sign(sheet.records)
        if "Quantity" not in self._names:
            self._assume_of_file(Subject.STOCK, _("no column of quantities; all stock stays as it is"))
        if "Grams" not in self._names:
            self._assume_of_file(Subject.WEIGHT, _("no column of weights; %(rule)s") % {"rule": _weight_rule()})

    def _decimal_sign(self, records: Iterable[Record]) -> str:
        """The sign that all numbers show which show one; empty if they differ, or if none does."""
        signs = {
            sign
            for record in records
            for column in _NUMBER_COLUMNS
            if (cell := record[column]) and (sign := decimal_sign_of(_bare(cell)))
        }
        if signs == {","}:
            self._assume_of_file(Subject.FILE, _("decimals are written with a comma"))
        return signs.pop() if len(signs) == 1 else ""

    def price(self, record: Record) -> Decimal:
        cell = record["Price"]
        column = self._names["Price"]
        if not cell:
            raise BadRow(_("it has no price; fill in “%(column)s” and import the file again") % {"column": column})
        try:
            number = self._number(cell)
        except AmbiguousNumber:
            raise BadRow(
                _(
                    "the price “%(price)s” can be read in two ways, and no other number in the file shows which; "
                    "write its cents, and no sign between the thousands"
                )
                % {"price": cell[:40]}
            ) from None
        except ValueError:
            raise BadRow(
                _("the price “%(price)s” is not an amount; write it in digits, such as 49.90") % {"price": cell[:40]}
            ) from None
        if not 0 <= number <= MAX_PRICE:
            raise BadRow(
                _("the price “%(price)s” is not between 0 and %(most)s; correct it in the file")
                % {"price": cell[:40], "most": MAX_PRICE}
            )
        price = round_money(number)
        if price != number or _is_ambiguous(cell):
            self._assume(record, "Price", Subject.PRICE, _("read as %(price)s") % {"price": price})
        if not price:
            said = _("a price of zero is not a price; it is not for sale until it has one and is put on sale")
            self._assume(record, "Price", Subject.ON_SALE, said)
        return price

    def weight(self, record: Record) -> int | None:
        """In grams; None if it is not known."""
        cell = record["Grams"]
        if "Grams" not in self._names:
            return None
        try:
            exact = self._number(cell) if cell else Decimal(0)
        except ValueError:
            exact = Decimal(-1)
        if exact == 0:
            self._assume(record, "Grams", Subject.WEIGHT, _("no weight; %(rule)s") % {"rule": _weight_rule()})
            return None
        if not 0 < exact <= MAX_GRAMS:
            said = _("not a weight from 1 to %(most)s g; %(rule)s") % {"most": MAX_GRAMS, "rule": _weight_rule()}
            self._assume(record, "Grams", Subject.WEIGHT, said)
            return None
        grams = max(1, int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)))
        if grams != exact or _is_ambiguous(cell):
            self._assume(record, "Grams", Subject.WEIGHT, _("read as %(grams)s g") % {"grams": grams})
        return grams

    def quantity(self, record: Record) -> int | None:
        """Units in stock; None if they are not known, which is not zero."""
        if "Quantity" not in self._names:
            return None
        is_tracked = "Tracker" not in self._names or bool(record["Tracker"])
        units = self._units(record["Quantity"])
        if units is None:
            said = _("the quantity is not known; the stock stays as it is")
        elif not is_tracked and units <= 0:
            units, said = None, _("its stock was not tracked; the stock stays as it is, set it by hand")
        elif not is_tracked:
            said = _("its stock was not tracked, but this quantity is taken")
        elif units < 0:
            units, said = 0, _("more were sold than there were; none is in stock")
        elif units == 0 and record["Policy"].casefold() in TRUE | {"continue"}:
            said = _("it was sold without stock; here it is sold out until it has stock")
        else:
            return units
        self._assume(record, "Quantity", Subject.STOCK, said)
        return units

    def published(self, record: Record) -> bool | None:
        """Whether the product is for sale, by its own row; None if it is not known."""
        if not {"Published", "Status"} & self._names.keys():
            return None
        flag, status = record["Published"].casefold(), record["Status"].casefold()
        if flag and flag not in TRUE | FALSE:
            self._assume(record, "Published", Subject.ON_SALE, _("neither true nor false; it is not for sale"))
            return False
        if status not in ("", "active", "draft", "archived", "unlisted"):
            self._assume(record, "Status", Subject.ON_SALE, _("an unknown status; it is not for sale"))
        return flag not in FALSE and status in ("", "active")

    def sku(self, record: Record) -> str:
        """Empty if the file gives none."""
        # Spreadsheets prefix numbers kept as text with an apostrophe.
        cell = record["SKU"].lstrip("'").strip()
        sku = "".join(letter for letter in cell if letter.isprintable()).strip()[:SKU_LENGTH]
        if sku != cell:
            said = _("read as %(sku)s, without what cannot be printed, up to %(most)s characters")
            self._assume(record, "SKU", Subject.SKU, said % {"sku": sku, "most": SKU_LENGTH})
        elif _ROUNDED_CODE.fullmatch(sku):
            said = _("a spreadsheet seems to have rounded it; kept as it is")
            self._assume(record, "SKU", Subject.SKU, said)
        return sku

    def assume(self, record: Record, subject: Subject, assumed: str) -> None:
        self.assumptions.append(Assumption(subject, record.line, "", "", assumed))

    def _assume(self, record: Record, column: str, subject: Subject, assumed: str) -> None:
        self.assumptions.append(Assumption(subject, record.line, self._names[column], record[column], assumed))

    def _assume_of_file(self, subject: Subject, assumed: str) -> None:
        self.assumptions.append(Assumption(subject, 0, "", "", assumed))

    def _units(self, cell: str) -> int | None:
        try:
            number = self._number(cell)
        except ValueError:
            return None
        return int(number) if number == int(number) and number <= MAX_UNITS else None

    def _number(self, cell: str) -> Decimal:
        """Raises AmbiguousNumber, or ValueError."""
        return _number(cell, self._sign)


# Files repeat prices, weights and quantities.
@lru_cache(maxsize=4096)
def _number(cell: str, decimal_sign: str) -> Decimal:
    return read_number(_bare(cell), decimal_sign)


@lru_cache(maxsize=4096)
def _is_ambiguous(cell: str) -> bool:
    try:
        read_number(_bare(cell))
    except AmbiguousNumber:
        return True
    return False


@lru_cache(maxsize=4096)
def _bare(cell: str) -> str:
    """Without what a spreadsheet adds to a number: apostrophe, currency, spaces."""
    bare = cell.lstrip("'")
    for symbol in (get_currency_symbol(settings.DEFAULT_CURRENCY, "pt_BR"), settings.DEFAULT_CURRENCY):
        bare = bare.replace(symbol, "")
    return "".join(bare.split())


def _weight_rule() -> str:
    return _("a new product gets %(grams)s g, an existing one keeps its weight") % {"grams": DEFAULT_WEIGHT_GRAMS}
