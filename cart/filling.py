"""Puts goods and a delivery into a cart that is locked, or not saved yet. Saves nothing.

A call may bring several lines and more: its refusals name in `errors` each place at fault, such as `lines.0.sku`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from cart.exceptions import CurrencyMismatch, InvalidQuantity, TooManyLines
from cart.metrics import CartStep, count_cart_step_on_commit
from cart.models import Cart, CartLine
from config.exceptions import Refusal
from inventory import catalogue
from inventory.catalogue import ProductFacts, Shelf
from inventory.exceptions import InsufficientStock, ProductNotFound, Shortage
from shipping import tax_ids
from shipping.addresses import Address, checked


@dataclass(frozen=True)
class WantedLine:
    """A product to add, by SKU. `place` is where the caller's request names it, such as `lines.0`; empty if alone."""

    sku: str
    quantity: int
    place: str = ""

    def at(self, field: str) -> str:
        return f"{self.place}.{field}" if self.place else ""


@dataclass(frozen=True)
class Goods:
    """A wanted line with its product, which is for sale."""

    wanted: WantedLine
    product: ProductFacts


@dataclass(frozen=True)
class Delivery:
    """Whom to reach, and where to deliver to."""

    email: str
    phone: str
    address: Address
    # As `shipping.tax_ids.read` returns it.
    tax_id: str = field(default="", repr=False)


@contextmanager
def blaming(place: str) -> Iterator[None]:
    """Name the place in the caller's request that a refusal is about, unless it is empty."""
    try:
        yield
    except Refusal as refusal:
        if place:
            refusal.details["field"] = place
        raise


def find_goods(wanted: Iterable[WantedLine], shelf: Shelf) -> list[Goods]:
    """Look the products up in the catalogue, and put them on `shelf`.

    Raises InvalidQuantity, or ProductNotFound, which names all of them.
    """
    wanted = list(wanted)
    for line in wanted:
        if line.quantity < 1:
            with blaming(line.at("quantity")):
                raise InvalidQuantity(_("Choose at least one."), field="quantity")
    products = catalogue.products_by_sku(line.sku for line in wanted)
    shelf.facts |= {product.id: product for product in products.values()}
    if missing := [line for line in wanted if line.sku not in products]:
        raise _blaming_all(ProductNotFound(), [line.at("sku") for line in missing])
    return [Goods(line, products[line.sku]) for line in wanted]


def put_in(cart: Cart, lines: dict[int, CartLine], goods: Sequence[Goods], shelf: Shelf) -> list[CartLine]:
    """Add goods to `lines`, all lines of the cart by product id; returns those that are new or changed.

    Puts on `shelf` how many are available.

    Raises CurrencyMismatch, TooManyLines, InvalidQuantity, or InsufficientStock, which names every product of which
    fewer are available than its line would have. One statement, whatever the number of goods.
    """
    if goods and not lines:
        count_cart_step_on_commit(CartStep.LINES)
    before = {product_id: line.quantity for product_id, line in lines.items()}
    for item in goods:
        with blaming(item.wanted.at("sku")):
            line = lines.get(item.product.id) or _new_line(cart, lines, item.product)
            _adopt_currency(cart, item.product, alone=len(lines) == 1)
        with blaming(item.wanted.at("quantity")):
            line.quantity = _allowed(line.quantity + item.wanted.quantity)
    _check_stock(lines, before, goods, shelf)
    return [lines[product_id] for product_id in dict.fromkeys(item.product.id for item in goods)]


def set_line(line: CartLine, quantity: int, product: ProductFacts, shelf: Shelf) -> None:
    """Set a line's quantity, and put on `shelf` how many are available. One statement.

    Raises InvalidQuantity, or InsufficientStock.
    """
    before = {product.id: line.quantity}
    line.quantity = _allowed(quantity)
    _check_stock({product.id: line}, before, [Goods(WantedLine(product.sku, quantity), product)], shelf)


def deliver_to(cart: Cart, delivery: Delivery) -> None:
    """Set contact and address.

    Raises InvalidPostalCode, InvalidTaxId, TaxIdRequired, or Refusal if the state does not match the postal code.
    """
    address = checked(delivery.address)
    cart.tax_id = _tax_id(cart, delivery.tax_id)
    if cart.address is None:
        count_cart_step_on_commit(CartStep.ADDRESS)
    cart.email, cart.phone = delivery.email, delivery.phone
    cart.address = address


def _tax_id(cart: Cart, given: str) -> str:
    """What the cart keeps of the tax id that was given. The one that is stored, given back masked, stays."""
    kept = tax_ids.by_policy(given)
    if kept and kept == tax_ids.masked(cart.tax_id):
        return cart.tax_id
    return tax_ids.normalise(kept) if kept else ""


def _allowed(quantity: int) -> int:
    if not 1 <= quantity <= settings.MAX_LINE_QUANTITY:
        raise InvalidQuantity(
            _("Choose between 1 and %(most)d of each product.") % {"most": settings.MAX_LINE_QUANTITY},
            field="quantity",
        )
    return quantity


def _new_line(cart: Cart, lines: dict[int, CartLine], product: ProductFacts) -> CartLine:
    if len(lines) >= settings.MAX_CART_LINES:
        raise TooManyLines(
            _("A cart can hold up to %(most)d different products. Order these first.")
            % {"most": settings.MAX_CART_LINES}
        )
    line = lines[product.id] = CartLine(cart=cart, product_id=product.id, quantity=0, position=len(lines))
    return line


def _adopt_currency(cart: Cart, product: ProductFacts, *, alone: bool) -> None:
    """A cart has one currency, that of its first product."""
    if alone:
        cart.currency = product.currency
    if product.currency != cart.currency:
        raise CurrencyMismatch(
            _("%(name)s is sold in %(theirs)s and this cart is in %(ours)s. Order it separately.")
            % {"name": product.name, "theirs": product.currency, "ours": cart.currency}
        )


def _check_stock(lines: dict[int, CartLine], before: dict[int, int], goods: Sequence[Goods], shelf: Shelf) -> None:
    """A line may keep more than is available, but not grow."""
    free = catalogue.available_now([*{item.product.id for item in goods}])
    shelf.free |= free
    short = {
        item.product.id: item
        for item in goods
        if lines[item.product.id].quantity > max(free.get(item.product.id, 0), before.get(item.product.id, 0))
    }
    if short:
        shortages = [
            Shortage(sku=item.wanted.sku, requested=lines[id_].quantity, available=free.get(id_, 0))
            for id_, item in short.items()
        ]
        raise _blaming_all(InsufficientStock(shortages), [item.wanted.at("quantity") for item in short.values()])


def _blaming_all(refusal: Refusal, places: list[str]) -> Refusal:
    """The refusal, naming all places that it is about, unless they are empty."""
    if all(places):
        refusal.details["errors"] = {place: [str(refusal)] for place in places}
    return refusal
