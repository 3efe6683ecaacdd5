"""Two currencies in one cart, whichever way they came in: nothing is charged, and both can be bought apart."""

import pytest

from cart import services as carts
from cart.exceptions import CurrencyMismatch
from cart.models import Cart, CartLine
from checkout.models import Order, OrderStatus
from inventory.models import Product
from tests.support.books import Books
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import DECLINED, VISA, order_of, stock_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

FAULT = "two currencies in one cart"


@pytest.fixture
def products(books: Books) -> tuple[Product, Product]:
    made = ProductFactory(price="30.00", stock=5), ProductFactory(price="200.00", stock=5)
    books.open()
    return made


def sell_in_dollars(product: Product) -> None:
    product.currency = "USD"
    product.save(update_fields=["currency"])


def refused(cart_token: str, user_id: int | None, *, method: str = VISA) -> None:
    cart = carts.choose_shipping(cart_token, "flat", user_id=user_id)
    with pytest.raises(CurrencyMismatch):
        order_of(cart, method)
    assert not Order.objects.exists()


@pytest.mark.parametrize("method", [VISA, DECLINED, "pix"])
def test_by_staff_after_it_was_added(
    method: str, products: tuple[Product, Product], sandbox: Sandbox, books: Books
) -> None:
    towel, mug = products
    cart = ready_cart([towel, mug])
    sell_in_dollars(mug)
    refused(cart.id, None, method=method)
    assert not sandbox.ledger()["intents"]
    carts.remove_line(cart.id, mug.sku)
    assert order_of(carts.choose_shipping(cart.id, "flat")).status == OrderStatus.PAID
    assert (stock_of(towel), stock_of(mug)) == ((4, 0), (5, 0))
    two_minutes()
    books.check(FAULT, 1)


def test_by_a_merge(products: tuple[Product, Product], books: Books) -> None:
    towel, mug = products
    user = UserFactory()
    sell_in_dollars(mug)
    ready_cart([towel], user_id=user.pk)
    guest = carts.add_line(carts.create_cart().id, mug.sku, 1)
    cart, staying = carts.claim_cart(guest.id, user.pk)
    assert [line.sku for line in staying] == [mug.sku]
    assert order_of(cart).status == OrderStatus.PAID
    two_minutes()
    books.check(FAULT, 1)


def test_by_a_line_that_no_rule_has_seen(products: tuple[Product, Product], books: Books) -> None:
    towel, mug = products
    sell_in_dollars(mug)
    cart = ready_cart([towel])
    CartLine.objects.create(cart=Cart.objects.get(), product=mug, quantity=1, position=1)
    refused(cart.id, None)
    carts.remove_line(cart.id, mug.sku)
    assert order_of(carts.choose_shipping(cart.id, "flat")).status == OrderStatus.PAID
    two_minutes()
    books.check(FAULT, 1)
