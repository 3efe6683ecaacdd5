"""The cart as readers see it: one immutable value, built from the cached copy and the catalogue.

The copy holds only what the shopper chose. Prices and names come from the catalogue's own cache, so product changes
show at once; availability is a hint, seconds old. Placing the order checks everything again on locked rows.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from cart import cache
from cart.models import Cart, CartLine, CartStatus
from config import money
from config.formats import translated
from inventory import catalogue
from inventory.catalogue import ProductFacts, Shelf
from shipping.addresses import Address
from shipping.options import ShippingOption


@dataclass(frozen=True)
class SnapshotLine:
    """`problem` is empty, or why the line cannot be ordered as is: `gone`, `currency`, `sold_out` or `short`."""

    product: ProductFacts
    quantity: int
    unit_price: Decimal
    line_total: Decimal
    available_quantity: int
    problem: str

    @property
    def sku(self) -> str:
        return self.product.sku

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def available(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class ChosenShipping:
    code: str
    name: str
    price: Decimal
    min_days: int
    max_days: int
    expires_at: datetime


@dataclass(frozen=True)
class ShippingOffer:
    """The shipping options of a cart, cheapest first; none if nothing serves its address."""

    options: tuple[ShippingOption, ...]


@dataclass(frozen=True)
class CartSnapshot:
    """The cart as documented in API.md. `id` is its token; amounts have two decimal places, in `currency`.

    `tax_id` is masked: the whole one stays in the database.
    """

    id: str
    version: int
    currency: str
    status: str
    user_id: int | None
    lines: tuple[SnapshotLine, ...]
    email: str
    phone: str
    tax_id: str
    address: Address | None
    postal_code: str
    shipping: ChosenShipping | None
    expires_at: datetime
    cards_closed_until: datetime | None = None
    # Unless the verb knew it anyway, only `cart.services.with_offer` adds it.
    offer: ShippingOffer | None = field(default=None, compare=False)

    @property
    def cards_closed(self) -> bool:
        """Whether too many cards were declined for this cart. Other ways of paying stay open."""
        return self.cards_closed_until is not None and self.cards_closed_until > timezone.now()

    @property
    def subtotal(self) -> Decimal:
        """Without lines that are sold in another currency: they cannot be ordered with this cart."""
        return money.total(line.line_total for line in self.lines if line.product.currency == self.currency)

    @property
    def shipping_total(self) -> Decimal:
        return self.shipping.price if self.shipping else money.ZERO

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.shipping_total

    @property
    def item_count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def has_problems(self) -> bool:
        return any(line.problem for line in self.lines)


def load(token: str, user_id: int | None) -> CartSnapshot:
    """The cart with this token. Raises CartNotFound, also for another user's cart."""
    if user_id is not None:
        copy = cache.recall(cache.key_of(token, user_id))
        if copy and copy.get("id") == token:
            return _compose(copy)
    else:
        copy = cache.recall(cache.key_of(token, None))
        if copy:
            return _compose(copy)
    return of_cart(Cart.objects.fetch(token, user_id))


def load_live(user_id: int) -> CartSnapshot | None:
    """The user's live cart, or None. None is cached too."""
    key = cache.key_of("", user_id)
    copy = cache.recall(key)
    if copy:
        return _compose(copy) if "id" in copy else None
    cart = Cart.objects.live().with_quote().filter(user_id=user_id).first()
    if cart is None:
        cache.remember(key, cache.NO_CART, {})
        return None
    return of_cart(cart)


def of_cart(
    cart: Cart,
    lines: Iterable[CartLine] | None = None,
    shelf: Shelf | None = None,
    offered: Iterable[ShippingOption] | None = None,
) -> CartSnapshot:
    """Snapshot a cart that was just read with its quote, and cache the copy. One statement, for the lines.

    No statement if `lines` are given: all lines of the cart as it was last locked. Must not be called before the
    cart's changes are committed. `shelf` has what the caller knows of the products; `offered` are the shipping options
    of just this cart, if the caller has them.
    """
    if lines is None:
        items = [(line.product_id, line.quantity) for line in CartLine.objects.of(cart)]
    else:
        items = [(line.product_id, line.quantity) for line in sorted(lines, key=lambda line: (line.position, line.pk))]
    copy = _copy_of(cart, items)
    cache.remember(cache.key_of(cart.token, cart.user_id), (cart.pk, cart.version), copy)
    return _compose(copy, shelf, None if offered is None else ShippingOffer(tuple(offered)))


def forget(cart: Cart) -> None:
    """Drop the cart's copy in Redis."""
    cache.forget(cache.key_of(cart.token, cart.user_id), (cart.pk, cart.version))


def _copy_of(cart: Cart, items: list[tuple[int, int]]) -> cache.Copy:
    quote = cart.quote
    return {
        "id": cart.token,
        "version": cart.version,
        "currency": cart.currency,
        "status": cart.status,
        "user_id": cart.user_id,
        "lines": items,
        "email": cart.email,
        "phone": cart.phone,
        "tax_id": cart.masked_tax_id,
        "address": asdict(cart.address) if cart.address else None,
        "postal_code": cart.postal_code,
        "shipping": quote
        and {
            "code": quote.method_code,
            "name": quote.method_name,
            "price": str(quote.price),
            "min_days": quote.min_days,
            "max_days": quote.max_days,
            "expires_at": quote.expires_at.isoformat(),
        },
        "expires_at": cart.expires_at.isoformat(),
        "cards_closed_until": cart.cards_closed_until.isoformat() if cart.cards_closed_until else None,
    }


def _compose(copy: cache.Copy, shelf: Shelf | None = None, offer: ShippingOffer | None = None) -> CartSnapshot:
    product_ids = [product_id for product_id, _ in copy["lines"]]
    free: dict[int, int] = {}
    if copy["status"] == CartStatus.OPEN:
        shelf = shelf or Shelf()
        shelf.look_at(product_ids)
        products, free = shelf.facts, shelf.free
    else:
        products = catalogue.products_by_id(product_ids)
    return CartSnapshot(
        id=copy["id"],
        version=copy["version"],
        currency=copy["currency"],
        status=copy["status"],
        user_id=copy["user_id"],
        lines=tuple(
            _line(products[product_id], quantity, free.get(product_id), copy["currency"])
            for product_id, quantity in copy["lines"]
        ),
        email=copy["email"],
        phone=copy["phone"],
        tax_id=copy["tax_id"],
        address=Address(**copy["address"]) if copy["address"] else None,
        postal_code=copy["postal_code"],
        shipping=_shipping(copy["shipping"]),
        expires_at=_moment(copy["expires_at"]),
        # Missing in a copy that another release wrote.
        cards_closed_until=_moment(closed) if (closed := copy.get("cards_closed_until")) else None,
        offer=offer,
    )


def _line(product: ProductFacts, quantity: int, free: int | None, currency: str) -> SnapshotLine:
    """`free` is None if the units are already reserved for this cart, so the line cannot have a problem."""
    return SnapshotLine(
        product=product,
        quantity=quantity,
        unit_price=product.price,
        line_total=money.line_total(product.price, quantity),
        available_quantity=quantity if free is None else free,
        problem="" if free is None else _problem(product, quantity, free, currency),
    )


def _problem(product: ProductFacts, quantity: int, free: int, currency: str) -> str:
    if not product.active:
        return "gone"
    if product.currency != currency:
        return "currency"
    if free <= 0:
        return "sold_out"
    return "short" if free < quantity else ""


def _shipping(copy: dict[str, Any] | None) -> ChosenShipping | None:
    if not copy:
        return None
    name = translated(copy["name"])
    return ChosenShipping(
        **{**copy, "name": name, "price": Decimal(copy["price"]), "expires_at": _moment(copy["expires_at"])}
    )


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    assert moment is not None, text  # noqa: S101  we wrote it ourselves, with isoformat()
    return moment
