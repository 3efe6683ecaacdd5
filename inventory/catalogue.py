"""Products, catalogue pages and availability for display: cached reads that return plain values.

Cache names: "product" (facts by id, and ids by slug and SKU), "catalogue_page", "categories", "availability". For
display only: placing an order reads prices and stock from Postgres, under lock.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import uuid4

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from config.cache import LookUp, cached, cached_many, cached_together, declare, drop_on_commit, replace_on_commit
from config.db.replica import LAG_SECONDS, from_standby
from inventory.exceptions import ProductNotFound
from inventory.models import Category, Product, ProductQuerySet
from inventory.search_text import query_words

T = TypeVar("T")

PAGE_SIZE = 24
# Every stock change invalidates it, except a hold's expiry, which shows only once the sweeper reclaims it (within half
# a minute). This TTL is for when the sweeper is down.
AVAILABILITY_SECONDS = 300
MAX_PAGES = 10_000
# A new version makes every page cold, so without changes once a day is enough.
VERSION_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product as other apps see it. `category` is a slug; it and `category_name` are empty without a category."""

    id: int
    sku: str
    slug: str
    name: str
    description: str
    category: str
    category_name: str
    price: Decimal
    currency: str
    weight_grams: int
    length_cm: int
    width_cm: int
    height_cm: int
    picture_url: str
    active: bool


@dataclass(frozen=True, slots=True)
class CategoryFacts:
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Page number `page` of `pages` (at least one), with `count` products for sale over all pages."""

    products: tuple[ProductFacts, ...]
    count: int
    page: int
    pages: int
    categories: tuple[CategoryFacts, ...]


declare("product", of=ProductFacts | int, is_open=True)
declare("catalogue_page", of=CataloguePage | int | str, is_open=True)
declare("categories", of=tuple[CategoryFacts, ...], is_open=True)
declare("availability", of=int, is_open=True)


def product_facts(product: Product) -> ProductFacts:
    """Needs `with_category`."""
    category = product.category
    return ProductFacts(
        id=product.id,
        sku=product.sku,
        slug=product.slug,
        name=product.name,
        description=product.description,
        category=category.slug if category else "",
        category_name=category.name if category else "",
        price=product.price,
        currency=product.currency,
        weight_grams=product.weight_grams,
        length_cm=product.length_cm,
        width_cm=product.width_cm,
        height_cm=product.height_cm,
        picture_url=product.picture_url,
        active=product.active,
    )


def products_by_id(ids: Collection[int]) -> dict[int, ProductFacts]:
    """The facts of these products, on sale or not; unknown ids are left out. At most one query."""
    (found,) = cached_together(_facts_of(ids))
    return _by_id(found)


def _facts_of(ids: Iterable[int]) -> LookUp:
    def load(missing: list[str]) -> dict[str, ProductFacts]:
        rows = Product.objects.with_category().filter(id__in=[int(key) for key in missing])
        return {str(row.id): product_facts(row) for row in rows}

    return LookUp("product", map(str, ids), settings.CATALOGUE_CACHE_SECONDS, load)


def _by_id(found: dict[str, T]) -> dict[int, T]:
    return {int(key): value for key, value in found.items()}


class Shelf:
    """Facts and available units that were read already, by product id: what one caller knows, the next need not read.

    `free` is for display, as `availability` is.
    """

    def __init__(self) -> None:
        self.facts: dict[int, ProductFacts] = {}
        self.free: dict[int, int] = {}

    def look_at(self, ids: Collection[int]) -> None:
        """Read what is missing of these products, in one round trip if it is cached. Unknown ids stay out."""
        facts = [id_ for id_ in ids if id_ not in self.facts]
        free = [id_ for id_ in ids if id_ not in self.free]
        if facts or free:
            found, available = cached_together(_facts_of(facts), _availability_of(free))
            self.facts |= _by_id(found)
            self.free |= _by_id(available)


def product_by_slug(slug: str, shelf: Shelf | None = None) -> ProductFacts:
    """Raises ProductNotFound, also for a product that is not for sale. With `shelf`, looks there and adds to it."""
    return _product_by("slug", slug, shelf)


def product_by_sku(sku: str, shelf: Shelf | None = None) -> ProductFacts:
    """Raises ProductNotFound, also for a product that is not for sale. With `shelf`, looks there and adds to it."""
    return _product_by("sku", sku, shelf)


def products_by_sku(skus: Iterable[str]) -> dict[str, ProductFacts]:
    """The facts of those that are for sale, by SKU. At most two queries, whatever their number."""
    return _products_by("sku", skus, None)


def _product_by(field: str, value: str, shelf: Shelf | None) -> ProductFacts:
    facts = _products_by(field, [value], shelf).get(value)
    if facts is None:
        raise ProductNotFound
    return facts


def _products_by(field: str, values: Iterable[str], shelf: Shelf | None) -> dict[str, ProductFacts]:
    # Slug or SKU → id → facts, so that a change has one key to drop even if the product was renamed.
    found: dict[str, ProductFacts] = {}
    wanted = [f"{field}:{value}" for value in values if "\0" not in value]
    for _attempt in range(2):
        ids = _ids_by(field, wanted)
        facts = _facts_on(shelf, ids.values()) if shelf else products_by_id(ids.values())
        for key, id_ in ids.items():
            value = key.removeprefix(f"{field}:")
            if id_ in facts and getattr(facts[id_], field) == value:
                found[value] = facts[id_]
        wanted = [key for key in ids if key.removeprefix(f"{field}:") not in found]
        if not wanted:
            break
        for key in wanted:
            _ids_seen.pop(key, None)
        drop_on_commit("product", *wanted)
    return {value: facts for value, facts in found.items() if facts.active}


def _facts_on(shelf: Shelf, ids: Collection[int]) -> dict[int, ProductFacts]:
    shelf.look_at(ids)
    return shelf.facts


# Slug or SKU → id, as this process has seen them last. No change needs to tell: the facts say whether it still holds.
_ids_seen: dict[str, int] = {}
IDS_SEEN_AT_MOST = 100_000


def _ids_by(field: str, keys: Collection[str]) -> dict[str, int]:
    ids = {key: _ids_seen[key] for key in keys if key in _ids_seen}
    if len(ids) < len(keys):
        unseen = [key for key in keys if key not in ids]
        seen = cached_many("product", unseen, settings.CATALOGUE_CACHE_SECONDS, lambda keys: _ids_of(field, keys))
        if len(_ids_seen) + len(seen) > IDS_SEEN_AT_MOST:
            _ids_seen.clear()
        _ids_seen.update(seen)
        ids |= seen
    return ids


def _ids_of(field: str, keys: Collection[str]) -> dict[str, int]:
    values = [key.removeprefix(f"{field}:") for key in keys]
    rows = Product.objects.filter(**{f"{field}__in": values}).values_list(field, "id")
    return {f"{field}:{value}": id_ for value, id_ in rows}


def categories() -> tuple[CategoryFacts, ...]:
    """All categories in display order."""

    def load() -> tuple[CategoryFacts, ...]:
        return tuple(CategoryFacts(slug, name) for slug, name in Category.objects.values_list("slug", "name"))

    return cached("categories", "all", settings.CATALOGUE_CACHE_SECONDS, load)


def catalogue_page(search: str = "", category: str | None = None, page: int = 1) -> CataloguePage:
    """Matching products for sale, newest first; a page beyond the last returns the last. No query on a cache hit."""
    wanted = " ".join(query_words(search)) or ("!" if search.strip() else "*")  # nothing, everything
    in_category = category or ""
    if len(in_category) > 100 or not in_category.isprintable():
        in_category = "nowhere/"  # no slug has a slash
    page = min(max(page, 1), MAX_PAGES)
    version = _catalogue_version()
    prefix = f"{version}:{in_category}:{wanted}"

    def load() -> CataloguePage:
        # Pages are cached for long, so use the standby only once it has replayed the change that began this version.
        if time.time() - _version_started(version) < LAG_SECONDS:
            return load_from(DEFAULT_DB_ALIAS)
        return from_standby(load_from)

    def load_from(alias: str) -> CataloguePage:
        matching = Product.objects.using(alias).active().search(search)
        if in_category:
            matching = matching.filter(category__slug=in_category)
        # Counting reads every match, so all pages share one count.
        count = cached("catalogue_page", f"{prefix}:count", settings.CATALOGUE_CACHE_SECONDS, matching.count)
        return _load_page(matching, count, page)

    return cached("catalogue_page", f"{prefix}:{page}", settings.CATALOGUE_CACHE_SECONDS, load)


def _load_page(matching: ProductQuerySet, count: int, page: int) -> CataloguePage:
    pages = max(1, -(-count // PAGE_SIZE))
    page = min(page, pages)
    # The offset skips entries in the index only; rows and categories are read just for this page.
    ids = matching.values("id")[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    rows = Product.objects.using(matching.db).with_category().filter(id__in=ids) if count else []
    return CataloguePage(tuple(product_facts(row) for row in rows), count, page, pages, categories())


def _catalogue_version() -> str:
    """Part of every page's key: a new version invalidates all pages without a scan.

    It starts with its creation time as a Unix timestamp.
    """
    return cached("catalogue_page", "version", VERSION_SECONDS, lambda: f"{time.time():.0f}-{uuid4().hex}")


def _version_started(version: str) -> float:
    """The version's Unix timestamp. Versions cached by older releases have none and count as new."""
    started, separator, _rest = version.partition("-")
    return float(started) if separator else time.time()


def availability(product_ids: Collection[int]) -> dict[int, int]:
    """Available quantity by product id, for display: an expired hold may still count until it is reclaimed."""
    (found,) = cached_together(_availability_of(product_ids))
    return _by_id(found)


def _availability_of(ids: Iterable[int]) -> LookUp:
    def load(missing: list[str]) -> dict[str, int]:
        return {str(id_): number for id_, number in available_now([int(key) for key in missing]).items()}

    return LookUp("availability", map(str, ids), AVAILABILITY_SECONDS, load)


def available_now(product_ids: Collection[int]) -> dict[int, int]:
    """Available quantity by product id, uncached, from Postgres. One statement."""
    return Product.objects.available(product_ids, timezone.now())


def forget_products(product_ids: Iterable[int]) -> None:
    """Invalidate facts, availability and pages of these products on commit."""
    keys = [str(id_) for id_ in product_ids]
    if keys:
        drop_on_commit("product", *keys)
        drop_on_commit("availability", *keys)
        drop_on_commit("catalogue_page", "version")


def forget_availability(product_ids: Iterable[int]) -> None:
    """Invalidate the availability of these products on commit."""
    if keys := [str(id_) for id_ in product_ids]:
        drop_on_commit("availability", *keys)


def change_availability(number: int, free: Mapping[int, int]) -> None:
    """Show these available quantities, by product id, once the current transaction has committed.

    All stock of these products is locked until then. A later change of the same products has a greater `number`.
    """
    replace_on_commit("availability", number, {str(id_): units for id_, units in free.items()}, AVAILABILITY_SECONDS)


def forget_categories() -> None:
    """Invalidate categories and pages on commit."""
    drop_on_commit("categories", "all")
    drop_on_commit("catalogue_page", "version")
