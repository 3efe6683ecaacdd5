"""CSV files as people have them: any encoding, separator and template of the platform, read into records."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import chardet
from django.utils.translation import gettext as _

from inventory.imports.report import Assumption, Subject

# The platform renamed its columns in 2025. By the name that is used here: both names of the file's first line.
COLUMNS = {
    "Handle": ("Handle", "URL handle"),
    "Title": ("Title",),
    "Body": ("Body (HTML)", "Description"),
    "Type": ("Type",),
    "Tags": ("Tags",),
    "Category": ("Product Category",),
    "Published": ("Published", "Published on online store"),
    "Status": ("Status",),
    "Option1": ("Option1 Value",),
    "Option2": ("Option2 Value",),
    "Option3": ("Option3 Value",),
    "SKU": ("Variant SKU", "SKU"),
    "Grams": ("Variant Grams", "Weight value (grams)"),
    "Tracker": ("Variant Inventory Tracker", "Inventory tracker"),
    "Quantity": ("Variant Inventory Qty", "Inventory quantity"),
    "Policy": ("Variant Inventory Policy", "Continue selling when out of stock"),
    "Price": ("Variant Price", "Price"),
}
NEEDED = ("Title", "Price")
SEPARATORS = (",", ";", "\t", "|")
_BY_NAME = {name.casefold(): column for column, names in COLUMNS.items() for name in names}
_FIRST_LINE_OF_EXCEL = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
# What spreadsheets save in, apart from Unicode. Their single-byte encodings differ by country.
_ENCODINGS = ("cp1252", "mac-roman", "cp850", "cp1251", "cp932", "euc_jis_2004", "gb18030", "big5", "cp949")
_DEFAULT_ENCODING = "cp1252"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
UNREADABLE = "\ufffd"


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message is a full sentence for the user."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row's cells by the names of COLUMNS; absent columns and short rows are empty. `line` is its first line."""

    line: int
    cells: dict[str, str]
    has_surplus: bool

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(slots=True)
class Sheet:
    """`names` are the file's own names of the columns that it has."""

    records: list[Record]
    names: dict[str, str]
    assumptions: list[Assumption] = field(default_factory=list)


def read_sheet(path: Path) -> Sheet:
    """The whole file. Raises UnreadableFile."""
    text, encoding_assumed = _text_of(path)
    separator, skipped = _separator_of(text)
    # The module's limit of 128 kB is for all readers; a body with pictures in it is longer.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    sheet = Sheet([], {}, [_about_file(assumed) for assumed in encoding_assumed])
    if separator != ",":
        shown = {"\t": _("tabs")}.get(separator, f"“{separator}”")
        sheet.assumptions.append(_about_file(_("cells are separated by %(separator)s") % {"separator": shown}))
    rows = _rows(text, separator, path.name)
    header: list[str] | None = None
    positions: dict[str, list[int]] = {}
    for line, cells in rows:
        if line <= skipped or not any(map(str.strip, cells)):
            continue
        if header is None:
            header = cells
            positions = _positions(header, separator)
            sheet.names = {column: header[places[0]].strip() for column, places in positions.items()}
        else:
            sheet.records.append(_record(line, cells, positions, len(header)))
    if header is None:
        raise UnreadableFile(_("%(file)s is empty.") % {"file": path.name})
    if UNREADABLE in text:
        sheet.assumptions.extend(_unreadable_characters(sheet.records))
    return sheet


def _rows(text: str, separator: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Each row and the line on which it starts."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            first_line, line = line, reader.line_num + 1
            yield first_line, cells
    except csv.Error as error:
        raise UnreadableFile(
            _("%(file)s is not well-formed CSV near line %(line)s: %(error)s.")
            % {"file": file, "line": reader.line_num, "error": error}
        ) from None


def _record(line: int, cells: Sequence[str], positions: dict[str, list[int]], width: int) -> Record:
    filled = {
        column: cells[places[0]].strip() if places[0] < len(cells) else "" for column, places in positions.items()
    }
    for column, (_first, *others) in positions.items():
        for place in others:
            filled[column] = filled[column] or (cells[place].strip() if place < len(cells) else "")
    return Record(line, filled, len(cells) > width and any(map(str.strip, cells[width:])))


def _positions(header: Sequence[str], separator: str) -> dict[str, list[int]]:
    """Where each column is; where the file has both of its names, the older one counts, unless its cell is empty."""
    places = {name.strip().casefold(): place for place, name in reversed(list(enumerate(header)))}
    found = {
        column: [places[name.casefold()] for name in names if name.casefold() in places]
        for column, names in COLUMNS.items()
    }
    missing = [" / ".join(COLUMNS[column]) for column in NEEDED if not found[column]]
    if missing:
        raise UnreadableFile(
            _(
                "The first line must have the names of the columns as Shopify exports them; missing: %(columns)s. "
                "The line was split at “%(separator)s”."
            )
            % {"columns": ", ".join(missing), "separator": separator}
        )
    return {column: places for column, places in found.items() if places}


def _separator_of(text: str) -> tuple[str, int]:
    """The separator with which the first line has most known columns, and how many lines Excel put before it."""
    start = text.lstrip()[:100_000]
    if match := _FIRST_LINE_OF_EXCEL.match(start):
        return match[1], text[: len(text) - len(text.lstrip())].count("\n") + 1
    return max(SEPARATORS, key=lambda separator: _known_columns(start, separator)), 0


def _known_columns(start: str, separator: str) -> int:
    try:
        names = next(csv.reader(StringIO(start, newline=""), delimiter=separator), [])
    except csv.Error:
        return 0
    return sum(name.strip().casefold() in _BY_NAME for name in names)


def _text_of(path: Path) -> tuple[str, list[str]]:
    """The file's text, and what was assumed of its encoding."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFile(_("File not found: %(file)s.") % {"file": path}) from None
    except OSError as error:
        raise UnreadableFile(
            _("%(file)s cannot be read: %(error)s.") % {"file": path, "error": error.strerror}
        ) from None
    text, assumed = _decoded(content)
    if "\0" in text:
        raise UnreadableFile(_("%(file)s contains NUL characters; it is not a CSV file.") % {"file": path.name})
    return text, assumed


def _decoded(content: bytes) -> tuple[str, list[str]]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace"), []
    text = content.decode("utf-8", "replace")
    if UNREADABLE not in text or b"\0" in content:
        return text, []
    unreadable = text.count(UNREADABLE)
    if len(text) - len(text.encode("ascii", "ignore")) > 2 * unreadable:
        return text, []  # UTF-8 with a few bytes that are not; each is reported
    encoding = _encoding_of(content)
    assumed = _("it is not in Unicode; its characters are read as %(encoding)s") % {"encoding": encoding}
    return content.decode(encoding, "replace"), [assumed]


def _encoding_of(content: bytes) -> str:
    """The encoding that fits best; that of Windows in the West if no other fits twice as well, as in short texts."""
    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())
    found = chardet.detect_all(
        telling, ignore_threshold=True, prefer_superset=True, compat_names=False, include_encodings=_ENCODINGS
    )
    fits = {str(guess["encoding"]): guess["confidence"] or 0 for guess in found}
    best = max(fits, key=lambda encoding: fits[encoding], default=_DEFAULT_ENCODING)
    return best if fits.get(best, 0) > 2 * fits.get(_DEFAULT_ENCODING, 0) else _DEFAULT_ENCODING


def _unreadable_characters(records: Iterable[Record]) -> Iterator[Assumption]:
    for record in records:
        for cell in record.cells.values():
            if UNREADABLE in cell:
                said = _("characters that cannot be read are shown as %(sign)s") % {"sign": UNREADABLE}
                yield Assumption(Subject.TEXT, record.line, "", "", said)
                break


def _about_file(assumed: str) -> Assumption:
    return Assumption(Subject.FILE, 0, "", "", assumed)
