"""Carts for every suite, made with the cart's own services."""

import uuid
from collections.abc import Sequence
from copy import copy
from decimal import Decimal
from itertools import chain
from typing import TypeVar

from django.db.models import Model

from cart import services, snapshot
from cart.models import Cart, CartLine, new_token
from cart.snapshot import CartSnapshot
from inventory.models import Product
from shipping.addresses import Address
from shipping.models import Quote, ShippingMethod
from tests.support.factories.inventory import ProductFactory
from tests.support.factories.shipping import SAO_PAULO, ShippingMethodFactory, ShippingRateFactory

Row = TypeVar("Row", bound=Model)

CPF = "52998224725"
ADDRESS = Address(
    name="Ana Souza",
    street="Avenida Paulista",
    number="1000",
    complement="ap. 12",
    district="Bela Vista",
    city="São Paulo",
    state="SP",
    postal_code=SAO_PAULO,
)


def flat_shipping(price: str = "10.00") -> ShippingMethod:
    """One method that ships any box up to 30 kg anywhere for `price`."""
    method = ShippingMethod.objects.filter(code="flat").first()
    if method is None:
        method = ShippingMethodFactory(code="flat", name="Flat")
        ShippingRateFactory(method=method, price=Decimal(price))
    return method


def filled_cart(
    products: Sequence[Product] | int = 1, *, quantity: int = 1, user_id: int | None = None
) -> CartSnapshot:
    """A cart with one line per product (or that many new products with 10 in stock each)."""
    if isinstance(products, int):
        products = [ProductFactory(stock=10) for _ in range(products)]
    cart = services.create_cart(user_id)
    for product in products:
        cart = services.add_line(cart.id, product.sku, quantity, user_id=user_id)
    return cart


def ready_cart(products: Sequence[Product] | int = 1, *, quantity: int = 1, user_id: int | None = None) -> CartSnapshot:
    """A filled cart with an address and a shipping quote: all that `place_order` requires."""
    flat_shipping()
    cart = filled_cart(products, quantity=quantity, user_id=user_id)
    services.set_delivery(
        cart.id, email="ana@example.com", phone="11987654321", tax_id=CPF, address=ADDRESS, user_id=user_id
    )
    return services.choose_shipping(cart.id, "flat", user_id=user_id)


def ready_carts(products: Sequence[Product], number: int) -> list[CartSnapshot]:
    """`number` guest carts like `ready_cart(products)`, in few statements: the services make the first one, the others
    are copies of its rows, each with an e-mail of its own."""
    first = ready_cart(products)
    cart = Cart.objects.fetch(first.id, None)
    lines = list(cart.lines.all())
    tokens = [new_token() for _ in range(number - 1)]
    quotes = Quote.objects.bulk_create(_copy(cart.quote, pk=uuid.uuid4(), reference=token) for token in tokens)
    copies = Cart.objects.bulk_create(
        _copy(cart, pk=None, token=token, quote=quote, email=f"ana+{quote.pk.hex}@example.com")
        for token, quote in zip(tokens, quotes, strict=True)
    )
    lines_of = {made.pk: [_copy(line, pk=None, cart=made) for line in lines] for made in copies}
    CartLine.objects.bulk_create(chain.from_iterable(lines_of.values()))
    return [first, *(snapshot.of_cart(made, lines_of[made.pk]) for made in copies)]


def _copy(row: Row, **changes: object) -> Row:
    """An unsaved copy of `row` with `changes`."""
    made = copy(row)
    for name, value in changes.items():
        setattr(made, name, value)
    return made
