"""Carts made in bulk equal those made by the services; each belongs to another person."""

from dataclasses import replace

import pytest

from cart import snapshot
from cart.models import Cart
from tests.support.factories.cart import ready_cart, ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


def test_carts_made_in_bulk_are_ready() -> None:
    products = [ProductFactory(stock=10) for _ in range(2)]
    by_verbs = ready_cart(products)
    carts = ready_carts(products, 3)
    assert len({cart.id for cart in carts}) == len({cart.email for cart in carts}) == 3
    for cart in carts:
        its_own = {
            "id": cart.id,
            "email": cart.email,
            "version": cart.version,
            "expires_at": cart.expires_at,
            "shipping": replace(by_verbs.shipping, expires_at=cart.shipping.expires_at),
        }
        assert cart == replace(by_verbs, **its_own)
        assert cart == snapshot.load(cart.id, None) == snapshot.of_cart(Cart.objects.fetch(cart.id, None))


@pytest.mark.django_db(transaction=True)
def test_they_can_be_ordered(sandbox: Sandbox) -> None:
    for cart in ready_carts([ProductFactory(stock=10)], 3):
        order = order_of(cart)
        assert (order.status, order.quote.reference) == ("paid", cart.id)
