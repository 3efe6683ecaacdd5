"""Cart operations. Each is one transaction on the locked cart row and returns the new snapshot.

All raise CartNotFound for an unknown token or another user's cart. Operations that write also raise CheckoutInProgress
or CartClosed unless the cart is open. Carriers are never called under a lock: see `cart.quoting`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from cart import merging, snapshot
from cart.exceptions import AddressRequired, CartEmpty, LineNotFound
from cart.filling import Delivery, WantedLine, blaming, deliver_to, find_goods, put_in, set_line
from cart.merging import StayingLine
from cart.metrics import CartStep, count_cart_step_on_commit
from cart.models import Cart, CartLine, CartStatus, next_expiry
from cart.quoting import Freight, with_freight
from cart.snapshot import CartSnapshot, ShippingOffer
from config.db import rows
from config.db.locks import require_transaction
from inventory.catalogue import ProductFacts, Shelf
from inventory.models import Product
from shipping import address_book, postal_codes
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


@dataclass(frozen=True)
class Contents:
    """What `start_cart` puts into a cart; everything may be missing."""

    lines: tuple[WantedLine, ...] = ()
    delivery: Delivery | None = None
    shipping_code: str = ""


def create_cart(user_id: int | None = None) -> CartSnapshot:
    """Create a guest cart; for a user, get or create their one live cart."""
    if user_id is None:
        cart = Cart()
        rows.insert(cart)
        return snapshot.of_cart(cart, [])
    return snapshot.of_cart(_live_cart_of(user_id))


def _live_cart_of(user_id: int) -> Cart:
    """Two tabs may race: the unique constraint lets one create the cart, and the other gets it."""
    cart, _created = Cart.objects.live().with_quote().get_or_create(user_id=user_id)
    return cart


@with_freight
def start_cart(freight: Freight, contents: Contents, *, user_id: int | None = None) -> CartSnapshot:
    """`create_cart`, `add_lines`, `set_delivery` and `choose_shipping` in one transaction: all or nothing.

    Raises what these raise. `errors` of a refusal name the place by the line, or by the names in `Contents`.
    """
    if contents == Contents():
        return create_cart(user_id)
    shelf = Shelf()
    goods = find_goods(contents.lines, shelf)
    with transaction.atomic():
        cart, lines = _cart_to_fill(user_id)
        changed = put_in(cart, lines, goods, shelf)
        if contents.delivery:
            deliver_to(cart, contents.delivery)
        if contents.shipping_code:
            with blaming("shipping_code"):
                _choose_shipping(cart, lines, contents.shipping_code, freight, shelf)
        else:
            _requote_if_changed(cart, lines, freight, shelf)
        _save(cart)
        _save_lines(changed)
    return snapshot.of_cart(cart, lines.values(), shelf, freight.offered)


def _cart_to_fill(user_id: int | None) -> tuple[Cart, dict[int, CartLine]]:
    """A guest's new cart, not saved yet, or the user's live cart, locked and open; and its lines."""
    if user_id is None:
        return Cart(), {}
    cart = Cart.objects.fetch_locked(_live_cart_of(user_id).token, user_id)
    cart.require_open()
    return cart, _lines_of(cart)


def add_line(token: str, sku: str, quantity: int, *, user_id: int | None = None) -> CartSnapshot:
    """Add `quantity` of a product to the cart. Raises what `add_lines` raises."""
    return add_lines(token, [WantedLine(sku, quantity)], user_id=user_id)


@with_freight
def add_lines(
    freight: Freight, token: str, wanted: Sequence[WantedLine], *, user_id: int | None = None
) -> CartSnapshot:
    """Add these products to the cart: all or nothing.

    Raises ProductNotFound, InvalidQuantity, TooManyLines, CurrencyMismatch, or InsufficientStock if fewer are available
    than a line's new quantity.
    """
    shelf = Shelf()
    goods = find_goods(wanted, shelf)
    with _open_cart(token, user_id) as cart:
        lines = _lines_of(cart)
        changed = put_in(cart, lines, goods, shelf)
        _reprice(cart, lines, freight, shelf)
        _save_lines(changed)
    return snapshot.of_cart(cart, lines.values(), shelf, freight.offered)


@with_freight
def set_quantity(freight: Freight, token: str, sku: str, quantity: int, *, user_id: int | None = None) -> CartSnapshot:
    """Set a line's quantity; 0 removes it. Raises LineNotFound, InvalidQuantity, InsufficientStock."""
    shelf = Shelf()
    with _open_cart(token, user_id) as cart:
        lines = _lines_of(cart)
        shelf.look_at(lines.keys())
        line = next((line for line in lines.values() if shelf.facts[line.product_id].sku == sku), None)
        if line is None:
            raise LineNotFound
        if quantity == 0:
            lines.pop(line.product_id).delete()
        else:
            set_line(line, quantity, shelf.facts[line.product_id], shelf)
            rows.update(line, "quantity")
        _reprice(cart, lines, freight, shelf)
    return snapshot.of_cart(cart, lines.values(), shelf, freight.offered)


def remove_line(token: str, sku: str, *, user_id: int | None = None) -> CartSnapshot:
    """Remove a line. Raises LineNotFound."""
    return set_quantity(token, sku, 0, user_id=user_id)


@with_freight
def set_delivery(
    freight: Freight,
    token: str,
    *,
    email: str,
    phone: str,
    address: Address,
    tax_id: str = "",
    user_id: int | None = None,
) -> CartSnapshot:
    """Set contact and address. Keeps the chosen shipping method, requoted, if it serves the new address.

    Raises InvalidPostalCode, InvalidTaxId, TaxIdRequired, or Refusal if the state does not match the postal code.
    """
    with _open_cart(token, user_id) as cart:
        deliver_to(cart, Delivery(email, phone, address, tax_id))
        lines, shelf = _lines_of(cart), Shelf()
        _reprice(cart, lines, freight, shelf)
    return snapshot.of_cart(cart, lines.values(), shelf, freight.offered)


def deliver_to_saved(token: str, address_id: UUID, *, email: str, user_id: int) -> CartSnapshot:
    """Set contact and address from the user's address book, where it then is the one used last.

    Raises SavedAddressNotFound, and what `set_delivery` raises.
    """
    saved = address_book.use(user_id, address_id)
    assert saved.address is not None  # noqa: S101 - narrows the type: only whole addresses are saved
    return set_delivery(
        token, email=email, phone=saved.phone, tax_id=saved.tax_id, address=saved.address, user_id=user_id
    )


def save_address(token: str, user_id: int) -> None:
    """Keep the cart's recipient and address in the user's address book. Raises CartNotFound."""
    cart = Cart.objects.fetch(token, user_id)
    if cart.address is not None:
        address_book.save(user_id, cart.address, phone=cart.phone, tax_id=cart.tax_id)


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
        lines, shelf = _lines_of(cart), Shelf()
        _reprice(cart, lines, freight, shelf)
    return snapshot.of_cart(cart, lines.values(), shelf, freight.offered)


def shipping_options(cart: CartSnapshot) -> list[ShippingOption]:
    """The cart's shipping options, cheapest first. Raises AddressRequired if there is no postal code yet."""
    if not cart.postal_code:
        raise AddressRequired
    return shipping.options(_parcel_of_snapshot(cart), cart.postal_code)


def _parcel_of_snapshot(cart: CartSnapshot) -> Parcel:
    return parcel_of(((line.product, line.quantity) for line in cart.lines), cart.currency)


def ask_ahead(cart: CartSnapshot | None, postal_code: str = "") -> None:
    """Begin to ask for the prices of the cart's shipping options, and return at once: the shopper will look at them.

    To the cart's postal code, or to one that the shopper has only typed so far (8 digits).
    """
    if cart is not None and (destination := postal_code or cart.postal_code):
        shipping.ask_ahead(_parcel_of_snapshot(cart), destination)


def with_offer(cart: CartSnapshot) -> CartSnapshot:
    """The cart with its shipping options, unless it has no postal code yet or is not open. May call the carrier."""
    if cart.offer is not None or not cart.postal_code or cart.status != CartStatus.OPEN:
        return cart
    return replace(cart, offer=ShippingOffer(tuple(shipping_options(cart))))


@with_freight
def choose_shipping(freight: Freight, token: str, code: str, *, user_id: int | None = None) -> CartSnapshot:
    """Lock in the price of a method until its quote expires. Raises AddressRequired, CartEmpty, ShippingUnavailable."""
    with _open_cart(token, user_id) as cart:
        lines, shelf = _lines_of(cart), Shelf()
        _choose_shipping(cart, lines, code, freight, shelf)
        _save(cart, "quote")
    return snapshot.of_cart(cart, lines.values(), shelf, freight.offered)


def _choose_shipping(cart: Cart, lines: dict[int, CartLine], code: str, freight: Freight, shelf: Shelf) -> None:
    if not cart.postal_code:
        raise AddressRequired
    if not lines:
        raise CartEmpty
    if cart.quote is None:
        count_cart_step_on_commit(CartStep.SHIPPING)
    cart.quote = freight.quote(cart, code, _parcel_of_lines(cart, lines, shelf))


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
    _save_lines([*lines.values()])
    if guest.address and not mine.address:
        mine.email, mine.phone, mine.tax_id, mine.address = guest.email, guest.phone, guest.tax_id, guest.address
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
    _reprice(mine, lines, freight, Shelf())
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
    return {line.product_id: line for line in CartLine.objects.of(cart)}


def _save_lines(changed: list[CartLine]) -> None:
    """Insert or update these lines of a saved cart. One statement for all new ones, and one for all others."""
    new = [line for line in changed if line._state.adding]
    others = [line for line in changed if not line._state.adding]
    rows.insert_all(new)
    if len(others) == 1:
        rows.update(others[0], "quantity")
    elif others:
        CartLine.objects.bulk_create(
            others, update_conflicts=True, unique_fields=["cart", "product"], update_fields=["quantity"]
        )


def _reprice(cart: Cart, lines: dict[int, CartLine], freight: Freight, shelf: Shelf) -> None:
    """Requote the chosen method if the parcel or postal code changed, or drop it if no longer available; then save."""
    _requote_if_changed(cart, lines, freight, shelf)
    _save(cart)


def _requote_if_changed(cart: Cart, lines: dict[int, CartLine], freight: Freight, shelf: Shelf) -> None:
    if cart.quote is not None:
        parcel = _parcel_of_lines(cart, lines, shelf)
        if cart.quote.parcel_fingerprint != parcel.fingerprint or cart.quote.postal_code != cart.postal_code:
            cart.quote = _requote(cart, cart.quote.method_code, parcel, freight)


def _requote(cart: Cart, code: str, parcel: Parcel, freight: Freight) -> Quote | None:
    try:
        return freight.quote(cart, code, parcel)
    except ShippingUnavailable:
        return None


def _parcel_of_lines(cart: Cart, lines: dict[int, CartLine], shelf: Shelf) -> Parcel:
    shelf.look_at(lines.keys())
    return parcel_of(((shelf.facts[product_id], line.quantity) for product_id, line in lines.items()), cart.currency)


def _save(cart: Cart, *changed: str) -> None:
    """Save the named fields, or all if none are named. Bumps the version and the expiry, unless the cart is new."""
    if cart._state.adding:
        rows.insert(cart)
        return
    cart.version += 1
    cart.expires_at = next_expiry()
    rows.update(cart, *([*changed, "version", "updated_at", "expires_at"] if changed else []))
