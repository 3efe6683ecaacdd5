"""Changes to a cart, and the refusals."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from cart import services, snapshot
from cart.exceptions import (
    AddressRequired,
    CartClosed,
    CartNotFound,
    CheckoutInProgress,
    InvalidQuantity,
    LineNotFound,
    TooManyLines,
)
from cart.models import Cart, CartLine, CartStatus
from config.exceptions import Refusal
from inventory.exceptions import InsufficientStock, ProductNotFound
from inventory.models import Product
from shipping.exceptions import ShippingUnavailable
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, filled_cart, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory

pytestmark = pytest.mark.django_db


def test_adding_a_product_twice_makes_one_line() -> None:
    product = ProductFactory(stock=10, price=Decimal("19.90"))
    cart = services.create_cart()
    services.add_line(cart.id, product.sku, 2)
    cart = services.add_line(cart.id, product.sku, 3)
    assert [(line.sku, line.quantity, line.line_total) for line in cart.lines] == [(product.sku, 5, Decimal("99.50"))]
    assert cart.total == Decimal("99.50")


def test_lines_stay_in_the_order_in_which_they_were_added() -> None:
    products = [ProductFactory(stock=5) for _ in range(4)]
    cart = filled_cart(products[::-1])
    assert [line.sku for line in cart.lines] == [product.sku for product in products[::-1]]


def test_more_than_is_available_is_refused_and_changes_nothing() -> None:
    product = ProductFactory(stock=3)
    cart = filled_cart([product], quantity=2)
    with pytest.raises(InsufficientStock) as refusal:
        services.add_line(cart.id, product.sku, 2)
    assert refusal.value.details["shortages"] == [{"sku": product.sku, "requested": 4, "available": 3}]
    assert snapshot.load(cart.id, None).lines[0].quantity == 2


@pytest.mark.parametrize("quantity", [0, -1, 100, 10**9])
def test_an_invalid_quantity_is_refused(quantity: int) -> None:
    product = ProductFactory(stock=500)
    cart = services.create_cart()
    with pytest.raises(InvalidQuantity):
        services.add_line(cart.id, product.sku, quantity)


def test_quantity_zero_removes_the_line() -> None:
    cart = filled_cart(2)
    cart = services.set_quantity(cart.id, cart.lines[0].sku, 0)
    assert len(cart.lines) == 1


def test_a_missing_line_cannot_be_changed() -> None:
    product = ProductFactory(stock=1)
    cart = services.create_cart()
    with pytest.raises(LineNotFound):
        services.set_quantity(cart.id, product.sku, 1)
    with pytest.raises(LineNotFound):
        services.remove_line(cart.id, "NO-SUCH-SKU")


def test_an_unknown_product_is_refused() -> None:
    with pytest.raises(ProductNotFound):
        services.add_line(services.create_cart().id, "NO-SUCH-SKU", 1)


def test_a_cart_holds_a_bounded_number_of_lines(settings) -> None:
    settings.MAX_CART_LINES = 2
    cart = filled_cart(2)
    with pytest.raises(TooManyLines):
        services.add_line(cart.id, ProductFactory(stock=1).sku, 1)


def test_two_currencies_do_not_mix() -> None:
    cart = filled_cart(1)
    with pytest.raises(Refusal):
        services.add_line(cart.id, ProductFactory(stock=1, currency="USD").sku, 1)


def test_a_product_taken_off_sale_is_marked_and_can_be_removed() -> None:
    product = ProductFactory(stock=5)
    cart = filled_cart([product])
    product.active = False
    product.save()
    cache.delete_pattern("*")
    assert snapshot.load(cart.id, None).lines[0].problem == "gone"
    assert services.remove_line(cart.id, product.sku).lines == ()


def test_a_sold_out_product_is_marked() -> None:
    product = ProductFactory(stock=5)
    cart = filled_cart([product], quantity=4)
    product.stocks.update(on_hand=2)
    cache.delete_pattern("*")
    line = snapshot.load(cart.id, None).lines[0]
    assert (line.problem, line.available_quantity) == ("short", 2)
    product.stocks.update(on_hand=0)
    cache.delete_pattern("*")
    assert snapshot.load(cart.id, None).lines[0].problem == "sold_out"


@pytest.mark.django_db(transaction=True)
def test_a_new_price_shows_at_once() -> None:
    product = ProductFactory(stock=5, price=Decimal("10.00"))
    cart = filled_cart([product])
    product.price = Decimal("12.00")
    product.save()
    assert snapshot.load(cart.id, None).total == Decimal("12.00")


class TestAccess:
    def test_a_users_cart_is_not_found_by_anyone_else(self) -> None:
        owner, other = UserFactory(), UserFactory()
        cart = filled_cart(1, user_id=owner.pk)
        for user_id in (None, other.pk):
            with pytest.raises(CartNotFound):
                snapshot.load(cart.id, user_id)
            with pytest.raises(CartNotFound):
                services.set_quantity(cart.id, cart.lines[0].sku, 3, user_id=user_id)
        assert snapshot.load(cart.id, owner.pk).lines[0].quantity == 1

    def test_a_guest_cart_is_found_by_its_token_alone(self) -> None:
        cart = filled_cart(1)
        assert snapshot.load(cart.id, UserFactory().pk).id == cart.id

    def test_an_unknown_token_is_not_found(self) -> None:
        with pytest.raises(CartNotFound):
            snapshot.load("x" * 43, None)


class TestDelivery:
    def test_the_freight_follows_the_cart(self) -> None:
        cart = ready_cart(1)
        assert cart.shipping and cart.shipping.price == Decimal("10.00")
        many = services.set_quantity(cart.id, cart.lines[0].sku, 8)
        assert many.shipping is not None
        assert Cart.objects.get(token=cart.id).quote.parcel_fingerprint != ""
        assert many.total == many.subtotal + many.shipping.price

    def test_a_method_that_does_not_exist_is_refused(self) -> None:
        cart = ready_cart(1)
        with pytest.raises(ShippingUnavailable):
            services.choose_shipping(cart.id, "teleport")

    def test_freight_needs_a_postal_code(self) -> None:
        flat_shipping()
        cart = filled_cart(1)
        with pytest.raises(AddressRequired):
            services.choose_shipping(cart.id, "flat")

    def test_a_postal_code_alone_is_enough_to_see_freight(self) -> None:
        flat_shipping()
        cart = services.set_postal_code(filled_cart(1).id, " 01310-200 ")
        assert cart.postal_code == "01310200"
        assert cart.address is None
        assert [option.code for option in services.shipping_options(cart)] == ["flat"]

    def test_a_state_that_contradicts_the_postal_code_is_refused(self) -> None:
        cart = filled_cart(1)
        elsewhere = type(ADDRESS)(**{**ADDRESS.__dict__, "state": "AM"})
        with pytest.raises(Refusal) as refusal:
            services.set_delivery(cart.id, email="a@example.com", phone="", address=elsewhere)
        assert refusal.value.details["field"] == "state"


class TestClosedCarts:
    @pytest.mark.parametrize(
        ("status", "refusal"),
        [(CartStatus.CHECKING_OUT, CheckoutInProgress), (CartStatus.ORDERED, CartClosed)],
    )
    def test_a_cart_in_checkout_or_ordered_cannot_be_changed(self, status: str, refusal: type[Refusal]) -> None:
        cart = filled_cart(1)
        Cart.objects.filter(token=cart.id).update(status=status)
        with pytest.raises(refusal):
            services.add_line(cart.id, cart.lines[0].sku, 1)
        with pytest.raises(refusal):
            services.set_postal_code(cart.id, "01310200")


class TestMerge:
    def test_quantities_are_added_up_to_the_limit_of_a_line(self) -> None:
        user = UserFactory()
        shared, own, guests = (ProductFactory(stock=200) for _ in range(3))
        mine = filled_cart([shared, own], quantity=60, user_id=user.pk)
        guest = filled_cart([shared, guests], quantity=50)
        services.merge_carts(guest.id, user.pk)
        merged = snapshot.load(mine.id, user.pk)
        assert {line.sku: line.quantity for line in merged.lines} == {shared.sku: 99, own.sku: 60, guests.sku: 50}
        assert Cart.objects.get(token=guest.id).status == CartStatus.MERGED

    def test_the_guests_address_is_kept_if_the_user_has_none(self) -> None:
        user = UserFactory()
        guest = ready_cart(1)
        services.merge_carts(guest.id, user.pk)
        merged = snapshot.load_live(user.pk)
        assert merged and merged.address == ADDRESS and merged.email == "ana@example.com"

    def test_it_happens_once(self) -> None:
        user = UserFactory()
        guest = filled_cart(1, quantity=2)
        services.merge_carts(guest.id, user.pk)
        services.merge_carts(guest.id, user.pk)
        merged = snapshot.load_live(user.pk)
        assert merged and [line.quantity for line in merged.lines] == [2]

    def test_lines_of_another_currency_stay_with_the_guest(self) -> None:
        user = UserFactory()
        reais, dollars = ProductFactory(stock=5), ProductFactory(stock=5)
        mine, guest = filled_cart(1, user_id=user.pk), filled_cart([reais, dollars])
        Product.objects.filter(pk=dollars.pk).update(currency="USD")
        (staying,) = services.merge_carts(guest.id, user.pk)
        assert (staying.sku, staying.quantity, staying.reason) == (dollars.sku, 1, "currency")
        assert [line.sku for line in snapshot.load(mine.id, user.pk).lines] == [mine.lines[0].sku, reais.sku]
        left = Cart.objects.get(token=guest.id)
        assert (left.status, [line.product for line in left.lines.all()]) == (CartStatus.OPEN, [dollars])

    def test_an_empty_cart_takes_the_guests_currency(self) -> None:
        user = UserFactory()
        services.create_cart(user.pk)
        assert not services.merge_carts(filled_cart([ProductFactory(stock=5, currency="USD")]).id, user.pk)
        merged = snapshot.load_live(user.pk)
        assert merged and (merged.currency, len(merged.lines)) == ("USD", 1)

    def test_the_limit_of_lines_holds(self, settings) -> None:
        settings.MAX_CART_LINES = 3
        user, shared = UserFactory(), ProductFactory(stock=9)
        mine = filled_cart([ProductFactory(stock=5), shared], user_id=user.pk)
        guest = filled_cart([shared, ProductFactory(stock=5), ProductFactory(stock=5, name="Quarto")])
        (staying,) = services.merge_carts(guest.id, user.pk)
        assert (staying.name, staying.reason) == ("Quarto", "limit")
        merged = snapshot.load(mine.id, user.pk)
        assert [line.quantity for line in merged.lines] == [1, 2, 1]
        assert [line.name for line in snapshot.load(guest.id, None).lines] == ["Quarto"]

    def test_what_stayed_follows_once_the_users_cart_is_ordered(self) -> None:
        user = UserFactory()
        filled_cart(1, user_id=user.pk)
        guest = filled_cart([ProductFactory(stock=5, currency="USD")])
        assert services.merge_carts(guest.id, user.pk)
        assert services.merge_carts(guest.id, user.pk)
        Cart.objects.filter(user=user).update(status=CartStatus.ORDERED)
        assert not services.merge_carts(guest.id, user.pk)
        assert Cart.objects.get(token=guest.id).status == CartStatus.MERGED

    def test_a_cart_being_paid_is_not_merged(self) -> None:
        user = UserFactory()
        guest = filled_cart(1)
        Cart.objects.filter(token=guest.id).update(status=CartStatus.CHECKING_OUT)
        services.merge_carts(guest.id, user.pk)
        assert Cart.objects.get(token=guest.id).status == CartStatus.CHECKING_OUT


class TestDatabaseConstraints:
    def test_holds_one_live_cart_per_user(self) -> None:
        user = UserFactory()
        filled_cart(1, user_id=user.pk)
        with pytest.raises(IntegrityError), transaction.atomic():
            Cart.objects.create(user=user)

    def test_holds_one_line_per_product(self) -> None:
        cart = filled_cart(1)
        line = CartLine.objects.get(cart__token=cart.id)
        with pytest.raises(IntegrityError), transaction.atomic():
            CartLine.objects.create(cart=line.cart, product=line.product, quantity=1)


def test_every_change_takes_as_many_statements_for_two_lines_as_for_fifty() -> None:
    products = [ProductFactory(stock=10) for _ in range(50)]
    counts = {}
    for size in (2, 50):
        cart = ready_cart(products[:size])
        with CaptureQueriesContext(connection) as change:
            services.set_quantity(cart.id, products[0].sku, 2)
        counts[size] = len(change)
    assert counts[2] == counts[50]
