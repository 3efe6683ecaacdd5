"""What can be done to a cart. Each verb is one transaction on the locked cart row and answers with the new snapshot.

All raise CartNotFound where the token is unknown or the cart is somebody else's, and, where they change something,
CheckoutInProgress or CartClosed unless the cart is open. A carrier that has to be asked for the freight is asked while
no lock is held: see `cart.quoting`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cart import snapshot
from cart.exceptions import AddressRequired, CartEmpty, InvalidQuantity, LineNotFound, TooManyLines
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


def parcel_of(goods: Iterable[tuple[ProductFacts | Product, int]], currency: str) -> Parcel:
    """The parcel that `(product, quantity)` pairs make."""
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
            for product, quantity in goods
        ),
        currency,
    )


def create_cart(user_id: int | None = None) -> CartSnapshot:
    """A new guest cart, or the one live cart of a user, made where there is none."""
    if user_id is None:
        return snapshot.of_cart(Cart.objects.create(), [])
    return snapshot.of_cart(_live_cart_of(user_id))


def _live_cart_of(user_id: int) -> Cart:
    """Two tabs may ask at once: the unique constraint lets one of them create, the other finds it."""
    cart, _created = Cart.objects.live().with_quote().get_or_create(user_id=user_id)
    return cart


@with_freight
def add_line(freight: Freight, token: str, sku: str, quantity: int, *, user_id: int | None = None) -> CartSnapshot:
    """Put `quantity` more of a product into the cart.

    Raises ProductNotFound, InvalidQuantity, TooManyLines, or InsufficientStock where fewer are free than the line
    would then hold.
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
                    _("A cart holds at most %(most)d different products. Order these first.")
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
    """Make a line hold exactly `quantity`; 0 removes it. Raises LineNotFound, InvalidQuantity, InsufficientStock."""
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
    """Take a line out. Raises LineNotFound."""
    return set_quantity(token, sku, 0, user_id=user_id)


@with_freight
def set_delivery(
    freight: Freight, token: str, *, email: str, phone: str, address: Address, user_id: int | None = None
) -> CartSnapshot:
    """Say where it goes and whom to tell. The chosen shipping is kept where it serves the new address.

    Raises InvalidPostalCode, or a refusal where the state and the postal code contradict each other.
    """
    postal_code = postal_codes.normalise(address.postal_code)
    state = postal_codes.state_of(postal_code)
    if state != address.state:
        raise Refusal(
            _("This postal code (CEP) is not in the state chosen. Check both."), field="state", postal_code_state=state
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
    """Ask for freight before there is an address: the cart remembers the postal code, nothing else.

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
    """How the cart can travel, cheapest first. Raises AddressRequired where not even the postal code is known."""
    if not cart.postal_code:
        raise AddressRequired
    goods = ((line.product, line.quantity) for line in cart.lines)
    return shipping.options(parcel_of(goods, cart.currency), cart.postal_code)


@with_freight
def choose_shipping(freight: Freight, token: str, code: str, *, user_id: int | None = None) -> CartSnapshot:
    """Fix the price of one method for a while. Raises AddressRequired, CartEmpty or ShippingUnavailable."""
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
def merge_carts(freight: Freight, guest_token: str, user_id: int) -> None:
    """Take a guest's cart into the user's: quantities of the same product are added, up to the most a line holds.

    Does nothing where the guest's cart is gone, empty or being paid for, or the user's is being paid for.
    Both rows are locked in the order of their ids, as everywhere.
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
            return
        guest, mine = sorted(carts, key=lambda cart: cart.pk == mine.pk)
        _absorb(mine, guest, freight)
    snapshot.forget(guest)
    snapshot.forget(mine)


def claim_cart(guest_token: str, user_id: int) -> CartSnapshot:
    """Take a guest's cart into the user's, for an app whose person has signed in; answers with the user's cart.

    Safe to repeat. Raises CartNotFound where it is no guest's, and CheckoutInProgress or CartClosed where it, or the
    user's own, is being paid for or was ordered: nothing is merged then.
    """
    guest = Cart.objects.fetch(guest_token, None)
    if guest.status != CartStatus.MERGED:
        guest.require_open()
        _live_cart_of(user_id).require_open()
        merge_carts(guest_token, user_id)
    return create_cart(user_id)


def _absorb(mine: Cart, guest: Cart, freight: Freight) -> None:
    lines = _lines_of(mine)
    for guest_line in guest.lines.all():
        line = lines.get(guest_line.product_id)
        if line is None:
            line = CartLine(cart=mine, product_id=guest_line.product_id, quantity=0, position=len(lines))
            lines[guest_line.product_id] = line
        line.quantity = min(line.quantity + guest_line.quantity, settings.MAX_LINE_QUANTITY)
    CartLine.objects.bulk_create(
        lines.values(), update_conflicts=True, unique_fields=["cart", "product"], update_fields=["quantity"]
    )
    if guest.address and not mine.address:
        mine.email, mine.phone, mine.address = guest.email, guest.phone, guest.address
    guest.status = CartStatus.MERGED
    _save(guest)
    _reprice(mine, lines, freight)


# --- What the checkout does to a cart, inside its own transaction, on a cart that it has locked -----------------------


def begin_payment(cart: Cart) -> None:
    """Close the cart to changes while its order is being paid."""
    count_cart_step_on_commit(CartStep.PAYMENT)
    _transition(cart, CartStatus.CHECKING_OUT)
    _forget_copy_on_commit(cart)


def reopen(cart: Cart) -> None:
    """Give the cart back as it was, after a declined or abandoned payment. A cart that moved on is left alone."""
    if cart.status == CartStatus.CHECKING_OUT:
        _transition(cart, CartStatus.OPEN)
        _forget_copy_on_commit(cart)


def mark_ordered(cart: Cart) -> None:
    """The cart has become a paid order. Whoever hears of the order drops the cart's copy."""
    count_cart_step_on_commit(CartStep.PAID)
    _transition(cart, CartStatus.ORDERED)


def _transition(cart: Cart, status: CartStatus) -> None:
    require_transaction()
    cart.status = status
    _save(cart, "status")


def _forget_copy_on_commit(cart: Cart) -> None:
    def forget_copy() -> None:
        snapshot.forget(cart)

    transaction.on_commit(forget_copy, robust=True)


# --- Steps shared by the verbs ----------------------------------------------------------------------------------------


@contextmanager
def _open_cart(token: str, user_id: int | None) -> Iterator[Cart]:
    """A cart that may be changed, its row locked, in a transaction that commits what is done inside."""
    with transaction.atomic():
        cart = Cart.objects.fetch_locked(token, user_id)
        cart.require_open()
        yield cart


def _lines_of(cart: Cart) -> dict[int, CartLine]:
    return {line.product_id: line for line in cart.lines.all()}


def _adopt_currency(cart: Cart, product: ProductFacts, *, alone: bool) -> None:
    """A cart has one currency: that of the first thing put into it."""
    if alone:
        cart.currency = product.currency
    if product.currency != cart.currency:
        raise Refusal(
            _("%(name)s is sold in %(theirs)s and this cart is in %(ours)s. Order them apart.")
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
    """Something that the freight depends on may have changed: promise a new price for the method chosen, or drop it."""
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
    """Write the fields that changed, or all where none is named."""
    cart.version += 1
    cart.expires_at = next_expiry()
    cart.save(update_fields=[*changed, "version", "updated_at", "expires_at"] if changed else None)
