"""Two people pack the same order, or one packs what another refunds: nothing is sent twice, or sent and put back."""

from collections.abc import Callable
from functools import partial

import pytest

from checkout import services, shipments
from checkout.models import Order, OrderStatus, OutboxMessage, Shipment, ShipmentLine, ShipmentStatus
from checkout.shipments import ParcelToPost
from config.exceptions import Refusal
from tests.races.callers import all_at_once, deadlocks
from tests.support.backoffice import dispute_of
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

ROUNDS = 4


def refusals(answers: list[object]) -> int:
    return sum(isinstance(answer, Refusal) for answer in answers)


def test_several_pack_the_same_order() -> None:
    order = order_of(ready_cart(2, quantity=3))
    units = {line.pk: 2 for line in order.lines.all()}
    before = deadlocks()
    answers = all_at_once([partial(shipments.post_parcel, order, ParcelToPost(units=units)) for _ in range(4)])
    assert refusals(answers) == 3
    assert set(ShipmentLine.objects.values_list("quantity", flat=True)) == {2}
    assert Order.objects.get().shown_status == OrderStatus.PARTLY_SHIPPED
    assert deadlocks() == before


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_parcel_against_a_refund_of_all(_round: int) -> None:
    """Whichever comes first: what has left is not on the shelf, and what is on the shelf does not leave."""
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    refund: Callable[[], Order] = partial(
        services.refund_order, order, amount=order.total, reason="lost", restock=True, idempotency_key="all"
    )
    line = order.lines.get()
    pack = partial(shipments.post_parcel, order, ParcelToPost(units={line.pk: 1}))
    answers = all_at_once([refund, pack])
    order = Order.objects.get()
    sent = ShipmentLine.objects.sent(order.pk).get(line.pk, 0)
    assert sent == 1 - refusals(answers)
    assert order.status == OrderStatus.REFUNDED
    assert stock_of(product) == (5 - sent, 0)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_parcel_against_a_cancellation(_round: int) -> None:
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    cancel = partial(services.cancel_order, order, reason="out of area", idempotency_key="cancel")
    answers = all_at_once([cancel, partial(services.mark_shipped, order)])
    assert refusals(answers) == 1
    shipped = Shipment.objects.exists()
    order = Order.objects.get()
    assert order.status == (OrderStatus.SHIPPED if shipped else OrderStatus.REFUNDED)
    assert stock_of(product) == ((3, 0) if shipped else (5, 0))


def test_no_parcel_leaves_once_a_dispute_is_open() -> None:
    order = order_of(ready_cart(2))
    first, second = order.lines.all()
    shipments.post_parcel(order, ParcelToPost(units={first.pk: 1}))
    dispute_of(order)
    answers = all_at_once([partial(shipments.post_parcel, order, ParcelToPost(units={second.pk: 1}))] * 3)
    assert refusals(answers) == 3
    assert Shipment.objects.count() == 1


def test_news_that_come_several_times_at_once_count_once() -> None:
    order = order_of(ready_cart())
    services.mark_shipped(order)
    parcel = Shipment.objects.get()
    answers = all_at_once([partial(shipments.record_news, parcel, ShipmentStatus.DELIVERED)] * 4)
    assert refusals(answers) == 0
    assert Order.objects.get().status == OrderStatus.DELIVERED
    assert OutboxMessage.objects.filter(kind="parcel_delivered").count() == 1
    assert parcel.history.count() == 2
