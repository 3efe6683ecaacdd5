"""Which product a row is: SKUs that are made up, repeated, or were made by an earlier release.

A SKU that a file leaves out is made from handle and options. Rows whose SKU another row needs too get one of their
own (`spare_sku`), which depends on nothing but handle and options: who got which SKU at the first import keeps it,
whatever is added, removed or reordered later.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from anyascii import anyascii
from django.utils.text import slugify
from django.utils.translation import gettext as _

from inventory.imports.product_rows import SLUG_LENGTH, Identity, ProductRow
from inventory.imports.report import Assumption, Subject

SKU_LENGTH = 64
OPTIONS_DASH = " – "


@dataclass(frozen=True, slots=True)
class Known:
    """What identifies a product that exists."""

    slug: str
    name: str


def ascii_slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, whatever the script; empty if `text` has no letter or digit."""
    return slugify(text if text.isascii() else anyascii(text))


def identify(handle: str, options: Sequence[str], given_sku: str, line: int) -> tuple[str, str, Identity]:
    """A row's SKU and slug, as far as the row alone decides them, and what else identifies it."""
    text = " ".join([handle, *options])
    own = _digest("\0".join([handle.casefold(), *options]))
    slug = ascii_slug(text) or f"item-{own}"
    sku = given_sku or _fitting(slug.upper())
    # Releases before transliteration dropped the letters of other scripts.
    former = "" if given_sku or text.isascii() or not slugify(handle) else _fitting(slugify(text).upper())
    identity = Identity(
        line=line,
        options=" / ".join(options),
        spare_sku=f"{sku[:55]}-{own}",
        former_sku="" if former == sku else former,
        is_given=bool(given_sku),
    )
    return sku, slug[:SLUG_LENGTH], identity


def skus_to_look_up(rows: Iterable[ProductRow]) -> set[str]:
    """All SKUs under which the rows' products may exist."""
    found = {row.sku for row in rows}
    for row in rows:
        if row.identity:
            found |= {row.identity.spare_sku, row.identity.former_sku} - {""}
    return found


def settle(rows: Sequence[ProductRow], existing: Mapping[str, Known]) -> tuple[list[ProductRow], list[Assumption]]:
    """The rows under the SKUs that they keep, all distinct, and what was assumed. `existing` is by SKU."""
    owners: dict[str, ProductRow] = {}
    claims: defaultdict[str, list[ProductRow]] = defaultdict(list)
    for row in rows:
        kept = _kept_from_before(row, existing)
        if kept and kept not in owners:
            owners[kept] = row
        else:
            claims[row.sku].append(row)
    for sku, claimants in claims.items():
        owner = None if sku in owners else _owner(claimants, existing.get(sku))
        for row in claimants:
            owners[sku if row is owner else _spare(row)] = row
    settled = {id(row): sku for sku, row in owners.items()}
    return (
        [row if settled[id(row)] == row.sku else replace(row, sku=settled[id(row)]) for row in rows],
        [_said(row, row.identity) for row in rows if row.identity and settled[id(row)] == row.identity.spare_sku],
    )


def _kept_from_before(row: ProductRow, existing: Mapping[str, Known]) -> str:
    """The SKU other than its own under which an earlier import wrote this row; empty if there is none."""
    if row.identity is None:
        return ""
    if row.identity.spare_sku in existing:
        return row.identity.spare_sku
    former = existing.get(row.identity.former_sku)
    is_this_row = former and (former.name == row.name or _has_options(former, row.identity.options))
    return row.identity.former_sku if is_this_row and row.sku not in existing else ""


def _owner(claimants: Sequence[ProductRow], known: Known | None) -> ProductRow | None:
    """Which row the SKU is of: of the product that has it, given by the file, on sale, first; in this order."""
    candidates = [row for row in claimants if known is None or not _is_another_variant(known, row)]
    return max(
        candidates,
        key=lambda row: (
            known is not None and (known.slug == row.slug, known.name == row.name),
            row.identity is None or row.identity.is_given,
            row.active is not False,
        ),
        default=None,
    )


def _is_another_variant(known: Known, row: ProductRow) -> bool:
    """Whether the product has other options that merely make the same SKU: `+1.50` and `-1.50`."""
    if row.identity is None or row.identity.is_given or not row.identity.options:
        return False
    options = known.name.rpartition(OPTIONS_DASH)[2]
    alike = ascii_slug(options) == ascii_slug(row.identity.options)
    return alike and not _has_options(known, row.identity.options)


def _has_options(known: Known, options: str) -> bool:
    """Apart from accents and case, which people correct."""
    return bool(options) and anyascii(known.name).casefold().endswith(anyascii(OPTIONS_DASH + options).casefold())


def _spare(row: ProductRow) -> str:
    return row.identity.spare_sku if row.identity else row.sku


def _said(row: ProductRow, identity: Identity) -> Assumption:
    sentence = (
        _("the SKU %(sku)s is another variant's too; this one is kept under %(own)s, with a stock of its own")
        if identity.is_given
        else _("another variant's handle and options make the same SKU; this one is kept under %(own)s")
    )
    said = sentence % {"sku": row.sku, "own": identity.spare_sku}
    return Assumption(Subject.SKU, identity.line, "", "", said)


def _fitting(sku: str) -> str:
    return sku if len(sku) <= SKU_LENGTH else f"{sku[:55]}-{_digest(sku).upper()}"


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=4).hexdigest()
