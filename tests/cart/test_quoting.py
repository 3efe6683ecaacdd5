"""Quoting a cart's freight with a carrier: never under the lock, once per price, and never without need."""

from collections.abc import Callable
from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from cart import services, snapshot
from cart.models import Cart
from cart.quoting import MAX_CARRIER_CALLS, Freight, PriceNeeded
from cart.snapshot import CartSnapshot
from shipping.exceptions import ShippingRequired, ShippingUnavailable
from shipping.services import check_quote
from tests.support.carrier import StandInCarrier, at_most
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, filled_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.factories.shipping import MANAUS, SAO_PAULO, load_rates

pytestmark = pytest.mark.django_db

PAC, ECONOMY = "melhor-envio-1", "economica"
DEADLINE = 0.4
# What hangs does so for a minute; the rest is a busy machine's.
WITHIN_DEADLINE = DEADLINE + 8


@pytest.fixture(autouse=True)
def table(settings) -> None:
    settings.CARRIER_SECONDS = DEADLINE
    load_rates()


@pytest.fixture
def cart(carrier: StandInCarrier) -> CartSnapshot:
    """A cart with an address in São Paulo; the carrier has not been called yet."""
    return services.set_postal_code(filled_cart(1).id, SAO_PAULO)


@pytest.fixture
def during_carrier_call(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Runs a function each time a carrier is called on behalf of a cart."""

    def set_up(interfere: Callable[[], object]) -> None:
        fetch = Freight.fetch

        def fetch_and_interfere(freight: Freight, needed: PriceNeeded) -> None:
            fetch(freight, needed)
            with monkeypatch.context() as alone:
                alone.setattr(Freight, "fetch", fetch)
                interfere()

        monkeypatch.setattr(Freight, "fetch", fetch_and_interfere)

    return set_up


def _quote_holds(cart: CartSnapshot) -> bool:
    """Whether the stored quote is valid for the cart as it is now, by the check of `place_order`."""
    kept = Cart.objects.with_lines().get(token=cart.id)
    parcel = services.parcel_of(((line.product, line.quantity) for line in kept.lines.all()), kept.currency)
    return check_quote(kept.quote, parcel, kept.postal_code, timezone.now()).price > 0


def test_choosing_from_the_page_takes_one_call(carrier: StandInCarrier, cart: CartSnapshot):
    offered = {option.code: option for option in services.shipping_options(cart)}
    chosen = services.choose_shipping(cart.id, PAC)
    assert chosen.shipping is not None
    assert (chosen.shipping.code, chosen.shipping.price) == (PAC, offered[PAC].price)
    assert chosen.total == chosen.subtotal + offered[PAC].price
    assert _quote_holds(cart)
    assert carrier.calls == 1


def test_an_app_may_choose_without_fetching_the_options(carrier: StandInCarrier, cart: CartSnapshot):
    assert services.choose_shipping(cart.id, PAC).shipping
    assert carrier.calls == 1


def test_the_price_follows_every_change_of_the_cart(carrier: StandInCarrier, cart: CartSnapshot):
    first = services.choose_shipping(cart.id, PAC).shipping
    more = services.set_quantity(cart.id, cart.lines[0].sku, 9).shipping
    assert first and more and more.price > first.price
    added = services.add_line(cart.id, ProductFactory(stock=5, weight_grams=4_000).sku, 1).shipping
    assert added and added.price > more.price
    far = services.set_postal_code(cart.id, MANAUS).shipping
    assert far and far.price > added.price
    assert carrier.calls == 4
    assert _quote_holds(cart)


def test_changes_that_need_no_price_make_no_call(carrier: StandInCarrier, cart: CartSnapshot):
    services.set_quantity(cart.id, cart.lines[0].sku, 3)
    services.set_delivery(cart.id, email="ana@example.com", phone="", address=ADDRESS)
    assert carrier.calls == 0, "no shipping method is chosen yet"
    services.choose_shipping(cart.id, PAC)
    services.set_delivery(cart.id, email="other@example.com", phone="", address=ADDRESS)
    assert carrier.calls == 1, "same parcel, same destination"


def test_an_emptied_cart_has_no_freight(carrier: StandInCarrier, cart: CartSnapshot):
    services.choose_shipping(cart.id, PAC)
    assert services.remove_line(cart.id, cart.lines[0].sku).shipping is None
    assert carrier.calls == 1


class TestCarrierDown:
    @pytest.mark.parametrize("kind", ["error", "hang", "garbage"])
    def test_a_carriers_option_is_dropped_and_no_order_ships_without(
        self, carrier: StandInCarrier, cart: CartSnapshot, kind: str
    ):
        services.choose_shipping(cart.id, PAC)
        carrier.fault(kind)
        with at_most(WITHIN_DEADLINE):
            changed = services.set_quantity(cart.id, cart.lines[0].sku, 2)
        assert changed.lines[0].quantity == 2, "the shopper's change is kept"
        assert changed.shipping is None
        with pytest.raises(ShippingRequired):
            _quote_holds(cart)
        with pytest.raises(ShippingUnavailable):
            services.choose_shipping(cart.id, PAC)
        asked = carrier.calls
        assert services.choose_shipping(cart.id, ECONOMY).shipping
        assert carrier.calls == asked
        assert _quote_holds(cart)

    def test_the_tables_price_still_holds_when_the_carrier_is_back(self, carrier: StandInCarrier, cart: CartSnapshot):
        carrier.fault("error")
        promised = services.choose_shipping(cart.id, ECONOMY).shipping
        carrier.no_faults()
        assert promised
        assert promised == snapshot.load(cart.id, None).shipping
        assert _quote_holds(cart)
        # Another parcel is priced by the carrier again, which does not offer the table's method.
        assert services.set_quantity(cart.id, cart.lines[0].sku, 2).shipping is None

    def test_a_refusal_changes_nothing(self, carrier: StandInCarrier, cart: CartSnapshot):
        chosen = services.choose_shipping(cart.id, PAC)
        with pytest.raises(ShippingUnavailable):
            services.choose_shipping(cart.id, "melhor-envio-999")
        assert snapshot.load(cart.id, None) == chosen


class TestConcurrentChange:
    def test_a_cart_that_changed_during_the_call_is_priced_again(
        self, carrier: StandInCarrier, cart: CartSnapshot, during_carrier_call
    ):
        asked = []

        def put_more_in_once() -> None:
            if not asked:
                services.set_quantity(cart.id, cart.lines[0].sku, 7)
            asked.append(True)

        during_carrier_call(put_more_in_once)
        chosen = services.choose_shipping(cart.id, PAC)
        assert (chosen.lines[0].quantity, len(asked), carrier.calls) == (7, 2, 2)
        assert _quote_holds(cart)

    def test_one_that_keeps_changing_is_refused_after_a_bounded_number_of_calls(
        self, carrier: StandInCarrier, cart: CartSnapshot, during_carrier_call
    ):
        quantities = iter(range(2, 10))
        during_carrier_call(lambda: services.set_quantity(cart.id, cart.lines[0].sku, next(quantities)))
        with pytest.raises(ShippingUnavailable) as refused:
            services.choose_shipping(cart.id, PAC)
        assert refused.value.code == "shipping_unavailable"
        assert carrier.calls == MAX_CARRIER_CALLS
        assert snapshot.load(cart.id, None).shipping is None

    def test_a_change_that_keeps_being_overtaken_is_made_without_freight(
        self, carrier: StandInCarrier, cart: CartSnapshot, during_carrier_call
    ):
        services.choose_shipping(cart.id, PAC)
        quantities = iter(range(2, 10))
        other = ProductFactory(stock=50)

        def put_something_in() -> None:
            line = Cart.objects.get(token=cart.id).lines.filter(product=other).first()
            if line is None:
                services.add_line(cart.id, other.sku, 1)
            else:
                services.set_quantity(cart.id, other.sku, next(quantities))

        during_carrier_call(put_something_in)
        changed = services.set_quantity(cart.id, cart.lines[0].sku, 5)
        assert {line.sku: line.quantity for line in changed.lines} == {cart.lines[0].sku: 5, other.sku: 2}
        assert changed.shipping is None

    @pytest.mark.django_db(transaction=True)
    def test_no_transaction_is_open_and_the_cart_is_unlocked_during_the_call(
        self, carrier: StandInCarrier, cart: CartSnapshot, during_carrier_call
    ):
        seen = []

        def look() -> None:
            seen.append(connection.in_atomic_block)

            def lock_it() -> None:
                with transaction.atomic():
                    seen.append(Cart.objects.select_for_update(nowait=True).get(token=cart.id).token == cart.id)
                connection.close()

            other = Thread(target=lock_it)
            other.start()
            other.join()

        during_carrier_call(look)
        services.choose_shipping(cart.id, PAC)
        services.set_quantity(cart.id, cart.lines[0].sku, 4)
        assert seen == [False, True] * 2
        assert _quote_holds(cart)


def test_merged_carts_are_priced_together(carrier: StandInCarrier, cart: CartSnapshot):
    user = UserFactory()
    mine = services.set_postal_code(filled_cart(1, user_id=user.pk).id, SAO_PAULO, user_id=user.pk)
    before = services.choose_shipping(mine.id, PAC, user_id=user.pk).shipping
    services.merge_carts(services.set_quantity(cart.id, cart.lines[0].sku, 10).id, user.pk)
    merged = snapshot.load(mine.id, user.pk)
    assert len(merged.lines) == 2
    assert before and merged.shipping and merged.shipping.price > before.price
    assert _quote_holds(merged)
    assert carrier.calls == 2


class TestPages:
    """One request calls the carrier at most once; the next one for the same cart not at all."""

    @pytest.fixture
    def shopper(self, carrier: StandInCarrier) -> Client:
        client = Client()
        client.post("/cart/add/", {"sku": ProductFactory(stock=5).sku, "quantity": "1"})
        return client

    def test_a_postal_code_takes_one_call_and_the_next_page_none(self, carrier: StandInCarrier, shopper: Client):
        page = shopper.post("/cart/delivery/", {"postal_code": "01310-200"}, follow=True)
        assert "Correios PAC" in page.content.decode()
        assert carrier.calls == 1
        shopper.get("/cart/")
        shopper.post("/cart/shipping/", {"code": PAC})
        assert carrier.calls == 1

    def test_a_silent_carrier_costs_one_timeout_per_request(self, carrier: StandInCarrier, shopper: Client):
        carrier.fault("hang")
        with at_most(WITHIN_DEADLINE):
            page = shopper.post("/cart/delivery/", {"postal_code": "01310-200"}, follow=True)
        assert carrier.calls == 1
        assert page.context["cart"].shipping.code == ECONOMY
        assert page.context["cart"].shipping.price > Decimal(0)
