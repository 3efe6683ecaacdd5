"""`{% cards products %}`: the products of a page of the catalogue."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from inventory.catalogue import ProductFacts

register = template.Library()

# About 700 bytes each. A page shows 24.
KEPT = 2_000
# The pictures of so many are loaded at once, since they are on the first screen.
EAGER = 4


@register.simple_tag
def cards(products: Iterable[tuple[ProductFacts, bool]]) -> SafeString:
    """Each product comes with whether it is available."""
    language = get_language()
    return SafeString(
        "".join(
            _card(
                product.slug, product.name, product.picture_url, product.price, product.currency,
                available=available, eager=place < EAGER, language=language,
            )
            for place, (product, available) in enumerate(products)
        )
    )  # fmt: skip


@lru_cache(maxsize=KEPT)
def _card(
    slug: str, name: str, picture_url: str, price: Decimal, currency: str,
    *, available: bool, eager: bool, language: str | None,
) -> SafeString:  # fmt: skip
    """Kept by all that it shows, so there is nothing to forget when a product changes."""
    product = {"slug": slug, "name": name, "picture_url": picture_url, "price": price, "currency": currency}
    return render_to_string("inventory/card.html", {"product": product, "available": available, "eager": eager})
