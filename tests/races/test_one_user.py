"""One user on twenty devices at once: one cart, no lost update, one order."""

import pytest

from cart import services as carts
from cart.models import Cart
from checkout.models import LIVE, Order
from tests.races.callers import all_at_once, deadlocks
from tests.support.books import Books
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, filled_cart, flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.guards_off import without_cart_lock
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

DEVICES = 20


def test_twenty_carts_of_one_user_become_one_order(sandbox: Sandbox, books: Books) -> None:
    """Each device creates a cart, adds a unit, sets the address and buys."""
    flat_shipping()
    user, product = UserFactory(), ProductFactory(stock=90)
    books.open()
    before = deadlocks()
    opened = all_at_once([lambda: carts.create_cart(user.pk)] * DEVICES)
    assert {cart.id for cart in opened} == {Cart.objects.get(user=user).token}
    token = opened[0].id
    all_at_once([lambda: carts.add_line(token, product.sku, 1, user_id=user.pk)] * DEVICES)
    assert Cart.objects.get(user=user).lines.get().quantity == DEVICES
    carts.set_delivery(token, email="ana@example.com", phone="11987654321", address=ADDRESS, user_id=user.pk)
    cart = carts.choose_shipping(token, "flat", user_id=user.pk)
    answers = all_at_once([lambda: order_of(cart).number] * DEVICES)
    assert [answer for answer in answers if isinstance(answer, str)] == [Order.objects.get(status__in=LIVE).number]
    assert deadlocks() == before
    two_minutes()
    books.check("race: 20 devices of one user", DEVICES)


def test_twenty_guest_carts_are_merged_concurrently() -> None:
    user, product = UserFactory(), ProductFactory(stock=90)
    guests = [filled_cart([product]) for _ in range(DEVICES)]
    before = deadlocks()
    all_at_once([lambda guest=guest: carts.merge_carts(guest.id, user.pk) for guest in guests])
    assert Cart.objects.live().get(user=user).lines.get().quantity == DEVICES
    assert deadlocks() == before


def test_without_the_carts_lock_units_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the row lock off the same race loses units that others have added."""
    product = ProductFactory(stock=90)
    token = filled_cart([product]).id
    with without_cart_lock(monkeypatch, DEVICES):
        all_at_once([lambda: carts.add_line(token, product.sku, 1)] * DEVICES)
    assert Cart.objects.get(token=token).lines.get().quantity < 1 + DEVICES
