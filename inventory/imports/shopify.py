"""Parser of Shopify's product CSV.

Each variant becomes a product: the first row of a handle has title, text and category, the following rows have further
variants (or only an image, which are skipped). Images are not fetched.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from io import StringIO
from pathlib import Path

from django.utils.text import slugify
from django.utils.translation import gettext as _

from inventory.imports.bodies import plain_text
from inventory.imports.product_rows import SLUG_LENGTH, ProductRow

NEEDED_COLUMNS = ("Handle", "Title", "Variant Price")
OPTIONS = (1, 2, 3)
MAX_UNITS = 1_000_000
MAX_GRAMS = 1_000_000
_PRICE = re.compile(r"\d{1,8}(\.\d{1,2})?", re.ASCII)
_COUNT = re.compile(r"\d{1,9}(\.0+)?", re.ASCII)


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message is a full sentence for the user."""


class BadRow(Exception):
    """One row cannot be imported; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` is the file's line on which the row starts, counted from 1."""

    line: int
    reason: str


@dataclass(slots=True)
class Catalogue:
    """A parsed file: rows to write, and problems of skipped rows. `rows_read` counts variants, good and bad."""

    rows: list[ProductRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        return len(self.rows) + len(self.problems)


@dataclass(frozen=True, slots=True)
class _Parent:
    """The values from a handle's first row, shared by all its variants."""

    title: str
    description: str | None
    category: str
    active: bool | None


def read_catalogue(path: Path, warehouse_code: str) -> Catalogue:
    """Parse the whole file before anything is written. Raises UnreadableFile."""
    catalogue = Catalogue()
    parents: dict[str, _Parent] = {}
    lines_of_skus: dict[str, int] = {}
    for line, cells in _records(path):
        try:
            row = _read_row(cells, parents, warehouse_code)
            if row is None:
                continue
            if row.sku in lines_of_skus:
                raise BadRow(
                    _("the SKU %(sku)s is already used on line %(line)s")
                    % {"sku": row.sku, "line": lines_of_skus[row.sku]}
                )
        except BadRow as reason:
            catalogue.problems.append(Problem(line, str(reason)))
        else:
            lines_of_skus[row.sku] = line
            catalogue.rows.append(row)
    return catalogue


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each record's first line and its cells by column."""
    reader = csv.reader(StringIO(_text_of(path), newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            first_line, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _checked_header(cells)
                continue
            record = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            record["surplus"] = "".join(cells[len(header) :])
            yield first_line, record
    except csv.Error as error:
        raise UnreadableFile(
            _("%(file)s is not well-formed CSV near line %(line)s: %(error)s.")
            % {"file": path.name, "line": reader.line_num, "error": error}
        ) from None
    if header is None:
        raise UnreadableFile(_("%(file)s is empty.") % {"file": path.name})


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            _("%(file)s is not UTF-8: line %(line)s cannot be read. Save it as “CSV UTF-8” and try again.")
            % {"file": path.name, "line": content.count(b"\n", 0, error.start) + 1}
        ) from None
    except FileNotFoundError:
        raise UnreadableFile(_("File not found: %(file)s.") % {"file": path}) from None
    except OSError as error:
        raise UnreadableFile(
            _("%(file)s cannot be read: %(error)s.") % {"file": path, "error": error.strerror}
        ) from None
    if "\0" in text:
        raise UnreadableFile(_("%(file)s contains NUL characters; it is not a CSV file.") % {"file": path.name})
    return text


def _checked_header(cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    missing = [column for column in NEEDED_COLUMNS if column not in header]
    if missing:
        raise UnreadableFile(
            _("The first line must have Shopify's column names, separated by commas; missing: %(columns)s.")
            % {"columns": ", ".join(missing)}
        )
    return header


def _read_row(cells: dict[str, str], parents: dict[str, _Parent], warehouse_code: str) -> ProductRow | None:
    """The row's product, or None if the row has no variant. Raises BadRow."""
    handle = slugify(cells["Handle"])
    if not handle:
        raise BadRow(_("it has no handle"))
    if cells.get("surplus"):
        raise BadRow(_("it has more cells than the header has columns; is a quotation mark missing?"))
    if cells.get("Title"):
        parents[handle] = _parent(cells)
    elif not any(cells.get(column) for column in ("Option1 Value", "Variant SKU", "Variant Price")):
        return None
    parent = parents.get(handle)
    if parent is None:
        raise BadRow(_("no row above it gives the title of %(handle)s") % {"handle": handle})
    options = _options(cells)
    name = " – ".join([parent.title, " / ".join(options)] if options else [parent.title])
    if len(name) > 200:
        raise BadRow(_("its name has %(length)s characters; the limit is 200") % {"length": len(name)})
    weight = _count(cells, "Variant Grams", MAX_GRAMS)
    return ProductRow(
        sku=_sku(cells, handle, options),
        slug=slugify(" ".join([handle, *options]))[:SLUG_LENGTH],
        name=name,
        price=_price(cells),
        description=parent.description,
        category_slug=slugify(parent.category),
        category_name=parent.category,
        weight_grams=weight or None,
        active=parent.active,
        stock={warehouse_code: _count(cells, "Variant Inventory Qty", MAX_UNITS) or 0},
    )


def _parent(cells: dict[str, str]) -> _Parent:
    category = cells.get("Type") or cells.get("Tags", "").split(",")[0].strip()
    published, status = cells.get("Published", "").lower(), cells.get("Status", "").lower()
    if published not in ("", "true", "false"):
        raise BadRow(_("Published is “%(value)s”, but must be true or false") % {"value": cells["Published"]})
    return _Parent(
        title=" ".join(cells["Title"].split()),
        description=plain_text(cells["Body (HTML)"]) if "Body (HTML)" in cells else None,
        category=category[:100].capitalize() if slugify(category) else "",
        active=published != "false" and status in ("", "active") if {"Published", "Status"} & {*cells} else None,
    )


def _options(cells: dict[str, str]) -> list[str]:
    values = [" ".join(cells.get(f"Option{number} Value", "").split()) for number in OPTIONS]
    return [value for value in values if value and value != "Default Title"]


def _sku(cells: dict[str, str], handle: str, options: list[str]) -> str:
    # Spreadsheets prefix numbers kept as text with an apostrophe.
    sku = cells.get("Variant SKU", "").lstrip("'").strip()
    if len(sku) > 64 or not sku.isprintable():
        raise BadRow(_("its SKU is longer than 64 characters, or contains unprintable ones"))
    if sku:
        return sku
    made = slugify(" ".join([handle, *options])).upper()
    return made if len(made) <= 64 else f"{made[:55]}-{blake2b(made.encode(), digest_size=4).hexdigest().upper()}"


def _price(cells: dict[str, str]) -> Decimal:
    price = cells.get("Variant Price", "")
    if not price:
        raise BadRow(_("it has no price"))
    if not _PRICE.fullmatch(price):
        raise BadRow(_("the price “%(price)s” is not a plain number such as 49.90") % {"price": price[:40]})
    return Decimal(price).quantize(Decimal("0.01"))


def _count(cells: dict[str, str], column: str, maximum: int) -> int | None:
    value = cells.get(column, "")
    if not value:
        return None
    if not _COUNT.fullmatch(value) or int(float(value)) > maximum:
        raise BadRow(
            _("%(column)s is “%(value)s”, but must be a whole number from 0 to %(most)s")
            % {"column": column, "value": value[:40], "most": maximum}
        )
    return int(float(value))
