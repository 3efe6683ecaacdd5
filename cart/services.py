"""Cart operations. Each is one transaction on the locked cart row and returns the new snapshot.

All raise CartNotFound for an unknown token or another user's cart. Operations that write also raise CheckoutInProgress
or CartClosed unless the cart is open. Carriers are never called under a lock: see `cart.quoting`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cart import merging, snapshot
from cart.exceptions import (
    AddressRequired,
    CartEmpty,
    CurrencyMismatch,
    InvalidQuantity,
    LineNotFound,
    TooManyLines,
)
from cart.merging import StayingLine
from cart.metrics import CartStep, count_cart_step_on_commit
from cart.models import Cart, CartLine, CartStatus, next_expiry
from cart.quoting import Freight, with_freight
from cart.snapshot import CartSnapshot
from config.db.locks import require_transaction
from config.exceptions import Refusal
from inventory import catalogue
from inventory.catalogue import ProductFacts
from inventory.exceptions import InsufficientStock
from inventory.models import Product
from shipping import postal_codes
from shipping import services as shipping
from shipping.addresses import Address
from shipping.exceptions import ShippingUnavailable
from shipping.models import Quote
from shipping.parcels import Parcel, ParcelItem
from shipping.services import ShippingOption


def parcel_of(items: Iterable[tuple[ProductFacts | Product, int]], currency: str) -> Parcel:
    """Pack `(product, quantity)` pairs into one parcel."""
    return Parcel.of(
        (
            ParcelItem(
                weight_grams=product.weight_grams,
                length_cm=product.length_cm,
                width_cm=product.width_cm,
                height_cm=product.height_cm,
                quantity=quantity,
                unit_value=product.price,
            )
            for product, quantity in items
        ),
        currency,
    )


def create_cart(user_id: int | None = None) -> CartSnapshot:
    """Create a guest cart; for a user, get or create their one live cart."""
    if user_id is None:
        return snapshot.of_cart(Cart.objects.create(), [])
    return snapshot.of_cart(_live_cart_of(user_id))


def _live_cart_of(user_id: int) -> Cart:
    """Two tabs may race: the unique constraint lets one create the cart, and the other gets it."""
    cart, _created = Cart.objects.live().with_quote().get_or_create(user_id=user_id)
    return cart


@with_freight
def add_line(freight: Freight, token: str, sku: str, quantity: int, *, user_id: int | None = None) -> CartSnapshot:
    """Add `quantity` of a product to the cart.

    Raises ProductNotFound, InvalidQuantity, TooManyLines, or InsufficientStock if fewer are available than the line's
    new quantity.
    """
    if quantity < 1:
        raise InvalidQuantity(_("Choose at least one."), field="quantity")
    product = catalogue.product_by_sku(sku)
    with _open_cart(token, user_id) as cart:
        lines = _lines_of(cart)
        line = lines.get(product.id)
        if line is None:
            if len(lines) >= settings.MAX_CART_LINES:
                raise TooManyLines(
                    _("A cart can hold up to %(most)d different products. Order these first.")
                    % {"most": settings.MAX_CART_LINES}
                )
            line = lines[product.id] = CartLine(cart=cart, product_id=product.id, quantity=0, position=len(lines))
            if len(lines) == 1:
                count_cart_step_on_commit(CartStep.LINES)
        _adopt_currency(cart, product, alone=len(lines) == 1)
        _set_line(line, line.quantity + quantity, sku)
        _reprice(cart, lines, freight)
    return snapshot.of_cart(cart, lines.values())


@with_freight
def set_quantity(freight: Freight, token: str, sku: str, quantity: int, *, user_id: int | None = None) -> CartSnapshot:
    """Set a line's quantity; 0 removes it. Raises LineNotFound, InvalidQuantity, InsufficientStock."""
    with _open_cart(token, user_id) as cart:
        lines = _lines_of(cart)
        products = catalogue.products_by_id(lines.keys())
        line = next((line for line in lines.values() if products[line.product_id].sku == sku), None)
        if line is None:
            raise LineNotFound
        if quantity == 0:
            lines.pop(line.product_id).delete()
        else:
            _set_line(line, quantity, sku)
        _reprice(cart, lines, freight)
    return snapshot.of_cart(cart, lines.values())


def remove_line(token: str, sku: str, *, user_id: int | None = None) -> CartSnapshot:
    """Remove a line. Raises LineNotFound."""
    return set_quantity(token, sku, 0, user_id=user_id)


@with_freight
def set_delivery(
    freight: Freight, token: str, *, email: str, phone: str, address: Address, user_id: int | None = None
) -> CartSnapshot:
    """Set contact and address. Keeps the chosen shipping method, requoted, if it serves the new address.

    Raises InvalidPostalCode, or Refusal if the state does not match the postal code.
    """
    postal_code = postal_codes.normalise(address.postal_code)
    state = postal_codes.state_of(postal_code)
    if state != address.state:
        raise Refusal(
            _("This postal code (CEP) is not in the selected state. Check both."),
            field="state",
            postal_code_state=state,
        )
    with _open_cart(token, user_id) as cart:
        if cart.address is None:
            count_cart_step_on_commit(CartStep.ADDRESS)
        cart.email, cart.phone = email, phone
        cart.address = address
        cart.postal_code = postal_code
        lines = _lines_of(cart)
        _reprice(cart, lines, freight)
    return snapshot.of_cart(cart, lines.values())


@with_freight
def set_postal_code(freight: Freight, token: str, postal_code: str, *, user_id: int | None = None) -> CartSnapshot:
    """Set only the postal code, to quote freight before there is an address. A different code clears the address.

    Raises InvalidPostalCode.
    """
    postal_code = postal_codes.normalise(postal_code)
    with _open_cart(token, user_id) as cart:
        if cart.postal_code != postal_code:
            cart.street = cart.street_number = cart.complement = cart.district = cart.city = ""
            cart.postal_code, cart.state = postal_code, postal_codes.state_of(postal_code) or ""
        lines = _lines_of(cart)
        _reprice(cart, lines, freight)
    return snapshot.of_cart(cart, lines.values())


def shipping_options(cart: CartSnapshot) -> list[ShippingOption]:
    """The cart's shipping options, cheapest first. Raises AddressRequired if there is no postal code yet."""
    if not cart.postal_code:
        raise AddressRequired
    items = ((line.product, line.quantity) for line in cart.lines)
    return shipping.options(parcel_of(items, cart.currency), cart.postal_code)


@with_freight
def choose_shipping(freight: Freight, token: str, code: str, *, user_id: int | None = None) -> CartSnapshot:
    """Lock in the price of a method until its quote expires. Raises AddressRequired, CartEmpty, ShippingUnavailable."""
    with _open_cart(token, user_id) as cart:
        if not cart.postal_code:
            raise AddressRequired
        lines = _lines_of(cart)
        if not lines:
            raise CartEmpty
        if cart.quote is None:
            count_cart_step_on_commit(CartStep.SHIPPING)
        cart.quote = freight.quote(cart, code, _parcel_of_lines(cart, lines))
        _save(cart, "quote")
    return snapshot.of_cart(cart, lines.values())


@with_freight
def merge_carts(freight: Freight, guest_token: str, user_id: int) -> list[StayingLine]:
    """Merge a guest cart into the user's: quantities of the same product add up, capped at MAX_LINE_QUANTITY.

    Lines in another currency, and those above MAX_CART_LINES, are returned and stay in the guest cart, which stays open
    with them. Does nothing unless both carts exist and are open. Locks both rows in id order, as everywhere.
    """
    with transaction.atomic():
        mine = _live_cart_of(user_id)
        carts = list(
            Cart.objects.select_for_update(of=("self",))
            .filter(status=CartStatus.OPEN)
            .filter(pk__in=[mine.pk, *Cart.objects.filter(token=guest_token, user=None).values_list("pk", flat=True)])
            .order_by("pk")
        )
        if len(carts) != 2:
            return []
        guest, mine = sorted(carts, key=lambda cart: cart.pk == mine.pk)
        staying = _absorb(mine, guest, freight)
    snapshot.forget(guest)
    snapshot.forget(mine)
    return staying


def claim_cart(guest_token: str, user_id: int) -> tuple[CartSnapshot, list[StayingLine]]:
    """Merge a guest cart into the user's after an API client has signed in; returns the user's cart, and what stays in
    the guest's.

    Idempotent. Raises CartNotFound if it is not a guest cart, and CheckoutInProgress or CartClosed, merging nothing, if
    either cart is being paid for or was ordered.
    """
    guest = Cart.objects.fetch(guest_token, None)
    staying = []
    if guest.status != CartStatus.MERGED:
        guest.require_open()
        _live_cart_of(user_id).require_open()
        staying = merge_carts(guest_token, user_id)
    return create_cart(user_id), staying


def _absorb(mine: Cart, guest: Cart, freight: Freight) -> list[StayingLine]:
    lines = _lines_of(mine)
    guest_lines = list(guest.lines.select_related("product"))
    mine.currency = merging.merged_currency(mine, [*lines.values()], guest, guest_lines)
    staying = merging.take_what_fits(mine, lines, guest_lines)
    if staying and len(staying) == len(guest_lines):
        return staying
    CartLine.objects.bulk_create(
        lines.values(), update_conflicts=True, unique_fields=["cart", "product"], update_fields=["quantity"]
    )
    if guest.address and not mine.address:
        mine.email, mine.phone, mine.address = guest.email, guest.phone, guest.address
    if guest.card_declined_at:
        # Signing in opens no cards that were closed.
        mine.card_declines = max(mine.card_declines, guest.card_declines)
        mine.card_declined_at = max(filter(None, (mine.card_declined_at, guest.card_declined_at)))
    if staying:
        guest.lines.exclude(product__sku__in=[line.sku for line in staying]).delete()
        guest.quote = None  # of another parcel
    else:
        guest.status = CartStatus.MERGED
    _save(guest)
    _reprice(mine, lines, freight)
    return staying


# --- For the checkout, which calls these in its own transaction on a cart it has locked -------------------------------


def begin_payment(cart: Cart) -> None:
    """Freeze the cart while its order is being paid."""
    count_cart_step_on_commit(CartStep.PAYMENT)
    _transition(cart, CartStatus.CHECKING_OUT)
    _forget_copy_on_commit(cart)


def reopen(cart: Cart, *, card_declined: bool = False) -> None:
    """Reopen the cart after a declined or abandoned payment. Does nothing unless it is checking out."""
    if cart.status == CartStatus.CHECKING_OUT:
        if card_declined:
            cart.count_card_decline(timezone.now())
        _transition(cart, CartStatus.OPEN, "card_declines", "card_declined_at")
        _forget_copy_on_commit(cart)


def mark_ordered(cart: Cart) -> None:
    """Mark the cart as a paid order. The receiver of the order's signal drops the cached copy."""
    count_cart_step_on_commit(CartStep.PAID)
    _transition(cart, CartStatus.ORDERED)


def _transition(cart: Cart, status: CartStatus, *changed: str) -> None:
    require_transaction()
    cart.status = status
    _save(cart, "status", *changed)


def _forget_copy_on_commit(cart: Cart) -> None:
    def forget_copy() -> None:
        snapshot.forget(cart)

    transaction.on_commit(forget_copy, robust=True)


# --- Shared steps -----------------------------------------------------------------------------------------------------


@contextmanager
def _open_cart(token: str, user_id: int | None) -> Iterator[Cart]:
    """An open cart with its row locked, in a transaction that commits on exit."""
    with transaction.atomic():
        cart = Cart.objects.fetch_locked(token, user_id)
        cart.require_open()
        yield cart


def _lines_of(cart: Cart) -> dict[int, CartLine]:
    return {line.product_id: line for line in cart.lines.all()}


def _adopt_currency(cart: Cart, product: ProductFacts, *, alone: bool) -> None:
    """A cart has one currency, that of its first product."""
    if alone:
        cart.currency = product.currency
    if product.currency != cart.currency:
        raise CurrencyMismatch(
            _("%(name)s is sold in %(theirs)s and this cart is in %(ours)s. Order it separately.")
            % {"name": product.name, "theirs": product.currency, "ours": cart.currency}
        )


def _set_line(line: CartLine, quantity: int, sku: str) -> None:
    if not 1 <= quantity <= settings.MAX_LINE_QUANTITY:
        raise InvalidQuantity(
            _("Choose between 1 and %(most)d of each product.") % {"most": settings.MAX_LINE_QUANTITY},
            field="quantity",
        )
    free = catalogue.available_now([line.product_id]).get(line.product_id, 0)
    if quantity > max(free, line.quantity):
        raise InsufficientStock([{"sku": sku, "requested": quantity, "available": free}])
    line.quantity = quantity
    line.save()


def _reprice(cart: Cart, lines: dict[int, CartLine], freight: Freight) -> None:
    """Requote the chosen method if the parcel or postal code changed, or drop it if no longer available; then save."""
    if cart.quote is not None:
        parcel = _parcel_of_lines(cart, lines)
        if cart.quote.parcel_fingerprint != parcel.fingerprint or cart.quote.postal_code != cart.postal_code:
            cart.quote = _requote(cart, cart.quote.method_code, parcel, freight)
    _save(cart)


def _requote(cart: Cart, code: str, parcel: Parcel, freight: Freight) -> Quote | None:
    try:
        return freight.quote(cart, code, parcel)
    except ShippingUnavailable:
        return None


def _parcel_of_lines(cart: Cart, lines: dict[int, CartLine]) -> Parcel:
    products = catalogue.products_by_id(lines.keys())
    return parcel_of(((products[product_id], line.quantity) for product_id, line in lines.items()), cart.currency)


def _save(cart: Cart, *changed: str) -> None:
    """Save the named fields, or all if none are named. Bumps the version and the expiry."""
    cart.version += 1
    cart.expires_at = next_expiry()
    cart.save(update_fields=[*changed, "version", "updated_at", "expires_at"] if changed else None)
