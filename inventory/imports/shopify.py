"""Parser of Shopify's product CSV, in both of its templates.

Each variant becomes a product: one row of a handle has title, text and category, the others have further variants (or
only an image, which are skipped). Images are not fetched. A variant is refused only if it cannot be sold; whatever else
is odd is assumed to mean something, and reported.
"""

from dataclasses import dataclass
from pathlib import Path

from django.utils.text import slugify
from django.utils.translation import gettext as _

from inventory.imports.bodies import plain_text
from inventory.imports.cells import BadRow, CellReader
from inventory.imports.identity import OPTIONS_DASH, ascii_slug, identify
from inventory.imports.product_rows import ProductRow
from inventory.imports.report import Catalogue, Problem, Subject
from inventory.imports.sheets import Record, read_sheet

OPTIONS = ("Option1", "Option2", "Option3")
NAME_LENGTH = 200
CATEGORY_LENGTH = 100


@dataclass(frozen=True, slots=True)
class _Parent:
    """The values from the row with the title, shared by all variants of its handle."""

    title: str
    description: str | None
    category: str
    category_slug: str
    active: bool | None


def read_catalogue(path: Path, warehouse_code: str) -> Catalogue:
    """Parse the whole file before anything is written. Raises UnreadableFile."""
    sheet = read_sheet(path)
    reader = _CatalogueReader(sheet.records, CellReader(sheet), warehouse_code)
    catalogue = reader.read()
    catalogue.file = path.name
    catalogue.assume(sheet.assumptions)
    return catalogue


class _CatalogueReader:
    def __init__(self, records: list[Record], cells: CellReader, warehouse_code: str) -> None:
        self._records = records
        self._cells = cells
        self._warehouse_code = warehouse_code
        self._catalogue = Catalogue(assumptions=cells.assumptions)
        self._rows: dict[tuple[str, tuple[str, ...], str], ProductRow] = {}
        # By handle; and by line, since a sorted file has variants above the row with their title.
        self._parents: dict[str, _Parent] = {}
        self._parents_by_line: dict[int, _Parent] = {}
        self._titled: dict[str, Record] = {}
        for record in records:
            if record["Title"]:
                self._titled.setdefault(_handle_of(record).casefold(), record)

    def read(self) -> Catalogue:
        for record in self._records:
            try:
                row = self._row(record)
            except BadRow as reason:
                self._catalogue.problems.append(Problem(record.line, str(reason)))
            else:
                if row is not None:
                    self._catalogue.rows.append(row)
        return self._catalogue

    def _row(self, record: Record) -> ProductRow | None:
        """The row's product, or None if the row has no variant, or one that was read. Raises BadRow."""
        if record.has_surplus:
            raise BadRow(_("it has more cells than the header has columns; is a quotation mark missing?"))
        if not any(record[column] for column in ("Title", "Option1", "SKU", "Price")):
            return None
        handle = self._handle(record)
        parent = self._parent(handle, record)
        options = [value for value in (" ".join(record[column].split()) for column in OPTIONS) if value]
        options = [value for value in options if value != "Default Title"]
        price = self._cells.price(record)
        quantity = self._cells.quantity(record)
        sku, slug, identity = identify(handle, options, self._cells.sku(record), record.line)
        row = ProductRow(
            sku=sku,
            slug=slug,
            name=self._name(parent, identity.options, record),
            price=price,
            description=parent.description,
            category_slug=parent.category_slug,
            category_name=parent.category,
            weight_grams=self._cells.weight(record),
            active=parent.active if price else False,
            stock={} if quantity is None else {self._warehouse_code: quantity},
            identity=identity,
        )
        return self._unless_repeated(row, (handle.casefold(), tuple(options), sku), record)

    def _handle(self, record: Record) -> str:
        handle = _handle_of(record)
        if not handle:
            raise BadRow(_("it has neither handle nor title; copy the handle of the product that it belongs to"))
        if not record["Handle"]:
            self._cells.assume(
                record, Subject.TEXT, _("no handle; %(handle)s is made of its title") % {"handle": handle}
            )
        return handle

    def _parent(self, handle: str, record: Record) -> _Parent:
        key = handle.casefold()
        if record["Title"]:
            self._parents[key] = self._parent_on(record)
        elif key not in self._parents:
            if key not in self._titled:
                raise BadRow(
                    _("no row gives the title of %(handle)s; write it in one row of that handle") % {"handle": handle}
                )
            self._parents[key] = self._parent_on(self._titled[key])
        return self._parents[key]

    def _parent_on(self, record: Record) -> _Parent:
        if record.line not in self._parents_by_line:
            category = (
                record["Type"] or record["Tags"].split(",")[0].strip() or record["Category"].split(">")[-1].strip()
            )
            self._parents_by_line[record.line] = _Parent(
                title=" ".join(record["Title"].split()),
                description=plain_text(record["Body"]) if "Body" in record.cells else None,
                category=_capitalised(category[:CATEGORY_LENGTH]),
                category_slug=_category_slug(category[:CATEGORY_LENGTH]),
                active=self._cells.published(record),
            )
        return self._parents_by_line[record.line]

    def _name(self, parent: _Parent, options: str, record: Record) -> str:
        ending = f"{OPTIONS_DASH}{options}" if options else ""
        name = parent.title + ending
        if len(name) <= NAME_LENGTH:
            return name
        self._cells.assume(
            record, Subject.TEXT, _("its name is longer than %(most)s characters and is cut") % {"most": NAME_LENGTH}
        )
        return f"{parent.title[: max(0, NAME_LENGTH - len(ending) - 1)]}…{ending}"[:NAME_LENGTH]

    def _unless_repeated(
        self, row: ProductRow, key: tuple[str, tuple[str, ...], str], record: Record
    ) -> ProductRow | None:
        first = self._rows.setdefault(key, row)
        if first is row:
            return row
        line = first.identity.line if first.identity else 0
        if first != row:
            raise BadRow(
                _("it has the handle, options and SKU of line %(line)s, but other values; delete one of the two")
                % {"line": line}
            )
        self._catalogue.repeated += 1
        self._cells.assume(record, Subject.REPEATED, _("the same as line %(line)s; read once") % {"line": line})
        return None


def _handle_of(record: Record) -> str:
    return " ".join(record["Handle"].split()) or ascii_slug(record["Title"]) or record["Title"]


def _category_slug(category: str) -> str:
    """As releases before transliteration made it, so that their categories are found again."""
    return (slugify(category) or ascii_slug(category))[:CATEGORY_LENGTH]


def _capitalised(category: str) -> str:
    return category[:1].upper() + category[1:]
