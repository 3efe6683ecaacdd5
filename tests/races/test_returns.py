"""Two tabs, two people, or a cancellation beside a return: nothing is taken back or paid back twice."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.utils import timezone

from checkout import returns, services, shipments
from checkout.discrepancies import discrepancies
from checkout.models import Order, OrderStatus, Return, ReturnLine, ReturnStatus, Shipment, ShipmentLine, ShipmentStatus
from checkout.returns import Found
from checkout.shipments import ParcelToPost
from config.exceptions import Refusal
from config.money import to_minor_units
from payments.models import Refund
from tests.races.callers import all_at_once, deadlocks
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

ROUNDS = 4


def refusals(answers: list[object]) -> int:
    return sum(isinstance(answer, Refusal) for answer in answers)


def assert_all_went_back_once(sandbox: Sandbox) -> None:
    order, now = Order.objects.get(), timezone.now()
    ledger = sandbox.ledger()
    assert order.status == OrderStatus.REFUNDED
    assert Refund.objects.holding_money().total() == order.total
    assert ledger["captured"] == ledger["refunded"] == to_minor_units(order.total, order.currency)
    assert not discrepancies(now - timedelta(days=1), now + timedelta(days=1), 10)


def delivered(order: Order) -> Order:
    services.mark_shipped(order)
    shipments.record_news(Shipment.objects.get(), ShipmentStatus.DELIVERED)
    return order


def inspected(order: Order) -> Return:
    units = {line.pk: line.quantity for line in order.lines.all()}
    asked = returns.ask_return(delivered(order), units, key=uuid4())
    return returns.inspect_return(asked, {line: Found(restocked=count) for line, count in units.items()})


def test_several_tabs_ask_for_the_same_units() -> None:
    order = delivered(order_of(ready_cart(2, quantity=3)))
    units = {line.pk: 2 for line in order.lines.all()}
    before = deadlocks()
    answers = all_at_once([partial(returns.ask_return, order, units, key=uuid4()) for _ in range(4)])
    assert refusals(answers) == 3
    assert list(ReturnLine.objects.values_list("quantity", flat=True)) == [2, 2]
    assert deadlocks() == before


def test_the_same_press_several_times_asks_once() -> None:
    order = delivered(order_of(ready_cart(quantity=3)))
    units = {order.lines.get().pk: 1}
    answers = all_at_once([partial(returns.ask_return, order, units, key=uuid4())] * 4)
    assert refusals(answers) == 0
    assert Return.objects.count() == 1


def test_several_people_inspect_and_close_the_same_return(sandbox: Sandbox) -> None:
    product = ProductFactory(stock=5)
    order = delivered(order_of(ready_cart([product], quantity=2)))
    line = order.lines.get().pk
    asked = returns.ask_return(order, {line: 2}, key=uuid4())
    answers = all_at_once([partial(returns.inspect_return, asked, {line: Found(restocked=2)})] * 4)
    assert refusals(answers) == 3
    assert stock_of(product) == (5, 0)
    closed = all_at_once([partial(returns.close_return, asked)] * 4)
    assert refusals(closed) == 0
    assert Refund.objects.count() == 1
    assert_all_went_back_once(sandbox)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_return_against_a_refund_of_all(_round: int, sandbox: Sandbox) -> None:
    order = order_of(ready_cart(2, quantity=2))
    asked = inspected(order)
    refund = partial(
        services.refund_order, order, amount=order.total, reason="lost", restock=False, idempotency_key="all"
    )
    answers = all_at_once([partial(returns.close_return, asked), refund])
    assert refusals(answers) <= 1
    assert Return.objects.get().status == ReturnStatus.CLOSED
    assert_all_went_back_once(sandbox)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_withdrawal_against_a_cancellation(_round: int, sandbox: Sandbox) -> None:
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    line = order.lines.get().pk

    def withdraw() -> Return:
        return returns.close_return(returns.ask_return(order, {line: 1}, key=uuid4()))

    answers = all_at_once([withdraw, partial(services.cancel_order, order, reason="lost", idempotency_key="cancel")])
    assert refusals(answers) <= 1
    assert stock_of(product) == (5, 0)
    assert_all_went_back_once(sandbox)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_withdrawal_against_a_parcel(_round: int) -> None:
    """Whichever comes first: what is withdrawn before it leaves is on the shelf, and what has left is expected."""
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    line = order.lines.get().pk
    pack = partial(shipments.post_parcel, order, ParcelToPost(units={line: 2}))
    answers = all_at_once([partial(returns.ask_return, order, {line: 1}, key=uuid4()), pack])
    kept = ReturnLine.objects.get().not_sent
    sent = ShipmentLine.objects.sent(order.pk).get(line, 0)
    assert refusals(answers) == kept
    assert sent == (0 if kept else 2)
    assert stock_of(product) == (3 + kept, 0)
