"""A CSV file of parcels: one line for a parcel, or one for each SKU in it."""

import csv
import unicodedata
from collections.abc import Mapping
from io import StringIO
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from checkout.admin.parcel_forms import MAX_URL_LENGTH, MAX_WORDS_LENGTH, check_web_address
from checkout.parcel_batches import ListedParcel
from checkout.shipments import Tracking

MOST_BYTES = 128 * 1024
MOST_PARCELS = 300
# By our name: how the file may name the column, in either language and without accents.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("order", "order number", "number", "pedido", "numero do pedido", "numero"),
    "carrier": ("carrier", "transportadora"),
    "service": ("service", "servico"),
    "code": ("tracking code", "code", "tracking", "codigo de rastreio", "codigo", "rastreio"),
    "url": ("tracking link", "link", "url", "link de rastreio"),
    "sku": ("sku",),
    "quantity": ("quantity", "quantidade", "qtd"),
}
_LONGEST = {
    "number": 20,
    **dict.fromkeys(("carrier", "service", "code"), MAX_WORDS_LENGTH),
    "url": MAX_URL_LENGTH,
    "sku": 64,
    "quantity": 6,
}
_BY_NAME = {name: column for column, names in COLUMNS.items() for name in names}
_SEPARATORS = (";", ",", "\t")


class ParcelSheetForm(forms.Form):
    """The file, or the text of one that was previewed."""

    file = forms.FileField(
        label=_("CSV file"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
    )
    sheet = forms.CharField(required=False, strip=False, max_length=MOST_BYTES, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload = cleaned.get("file")
        if upload is not None and upload.size > MOST_BYTES:
            raise ValidationError(_("This file is too large; send it in parts."))
        text = _decoded(upload.read()) if upload is not None else cleaned.get("sheet", "")
        if not text.strip():
            raise ValidationError(_("Choose a file."))
        return {"sheet": text, "parcels": read_parcels(text)}


def read_parcels(text: str) -> list[ListedParcel]:
    """The parcels of a file, in its order. Raises ValidationError, which names the line."""
    found: dict[object, ListedParcel] = {}
    for line, cells in _records(text):
        number = cells["number"].lstrip("#").upper()
        if not number:
            raise ValidationError(_("Line %(line)s has no order number.") % {"line": line})
        tracking = Tracking(cells["carrier"], cells["service"], cells["code"], _checked_url(cells["url"], line))
        units = {cells["sku"]: _quantity(cells["quantity"], line)} if cells["sku"] else None
        key = (number, tracking.columns()["tracking_code"]) if units else line
        earlier = found.get(key)
        if earlier is None:
            found[key] = ListedParcel(line, number, tracking, units)
        elif units and earlier.units and not set(units) & set(earlier.units):
            found[key] = ListedParcel(earlier.line, number, earlier.tracking, {**earlier.units, **units})
        else:
            raise ValidationError(_("Line %(line)s has a SKU that its parcel has already.") % {"line": line})
    if not found:
        raise ValidationError(_("The file has no parcels."))
    if len(found) > MOST_PARCELS:
        raise ValidationError(_("At most %(most)s parcels at once; send the file in parts.") % {"most": MOST_PARCELS})
    return list(found.values())


def _records(text: str) -> list[tuple[int, dict[str, str]]]:
    """The lines with something in them, by our names of the columns; what the file lacks is empty."""
    separator = max(_SEPARATORS, key=text.split("\n", 1)[0].count)
    try:
        reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise ValidationError(_("This is not a CSV file: %(error)s.") % {"error": error}) from None
    header = [_BY_NAME.get(_plain(name), "") for name in (rows[0][1] if rows else [])]
    if "number" not in header:
        raise ValidationError(_("The first line must name the columns; one of them is “order”."))
    if "quantity" in header and "sku" not in header:
        raise ValidationError(_("With a column “quantity” there must be one “sku”."))
    records = []
    for line, cells in rows[1:]:
        named = {column: cell for column, cell in zip(header, cells, strict=False) if column}
        record = {column: named.get(column, "") for column in COLUMNS}
        for column, cell in record.items():
            if len(cell) > _LONGEST[column] or not cell.isprintable():
                raise ValidationError(
                    _("Line %(line)s: “%(column)s” is too long, or not on one line.") % {"line": line, "column": column}
                )
        records.append((line, record))
    return records


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("_", " ").strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _quantity(text: str, line: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValidationError(_("Line %(line)s: the quantity must be a whole number above zero.") % {"line": line})
    return int(text)


def _checked_url(text: str, line: int) -> str:
    try:
        if text:
            check_web_address(text)
        return text
    except ValidationError:
        raise ValidationError(_("Line %(line)s: the link is no web address.") % {"line": line}) from None


def _decoded(content: bytes) -> str:
    """UTF-8, or what spreadsheets in the West save in."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
