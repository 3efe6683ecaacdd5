"""Withdrawals and returns: what may be given back, until when, and what is paid for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from checkout import returns, services, shipments
from checkout.discrepancies import discrepancies
from checkout.exceptions import IdempotencyKeyReused, ParcelRefused, ReturnNotPossible, ReturnRefused
from checkout.models import (
    OPEN_RETURNS,
    RETURN_MOVES,
    Order,
    OrderLine,
    OrderStatus,
    Return,
    ReturnLine,
    ReturnStatus,
    Shipment,
    ShipmentStatus,
)
from checkout.return_terms import end_of_right, price_of, terms_of
from checkout.returns import Found
from checkout.shipments import ParcelToPost
from config.audit.models import Entry
from config.money import total
from payments.models import Payment, Refund, RefundStatus
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

REASON = "does not fit"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def order() -> Order:
    """Two lines of two units each."""
    return order_of(ready_cart(2, quantity=2))


def units_of(order: Order, *units: int) -> dict[int, int]:
    """So many units of the first line, of the second, …; of all without any."""
    lines = list(order.lines.order_by("pk"))
    return {line.pk: count for line, count in zip(lines, units or [line.quantity for line in lines], strict=False)}


def ask(order: Order, *units: int, **more: Any) -> Return:
    return returns.ask_return(order, units_of(order, *units), **{"key": uuid4(), **more})


def deliver(order: Order, at: datetime | None = None) -> Order:
    if order.status == OrderStatus.PAID:
        services.mark_shipped(order)
    for parcel in Shipment.objects.filter(order=order):
        shipments.record_news(parcel, ShipmentStatus.DELIVERED, at=at)
    return Order.objects.get(pk=order.pk)


def all_came(asked: Return, **instead: int) -> dict[int, Found]:
    """All that is expected is fit for the shelf; or, of each line, what `instead` says."""
    fresh = Return.objects.with_contents().get(pk=asked.pk)
    return {units.order_line: Found(**(instead or {"restocked": units.expected})) for units in fresh.contents}


def paid_back(order: Order) -> Decimal:
    return Refund.objects.filter(payment=order.payment_id, status=RefundStatus.SUCCEEDED).total()


def close(asked: Return, **more: Any) -> Return:
    return returns.close_return(asked, **more)


def go_through(asked: Return, **more: Any) -> Return:
    returns.inspect_return(asked, all_came(asked))
    return close(asked, **more)


class TestTheRight:
    """Until the end of the seventh day after delivery, where the shop is."""

    @pytest.mark.parametrize(
        ("delivered_at", "end"),
        [
            # 23:30 on the 1st, and 00:10 on the 2nd, in São Paulo.
            (datetime(2026, 12, 2, 2, 30, tzinfo=UTC), datetime(2026, 12, 9, 2, 59, 59, tzinfo=UTC)),
            (datetime(2026, 12, 2, 3, 10, tzinfo=UTC), datetime(2026, 12, 10, 2, 59, 59, tzinfo=UTC)),
            (datetime(2026, 12, 28, 15, 0, tzinfo=UTC), datetime(2027, 1, 5, 2, 59, 59, tzinfo=UTC)),
        ],
    )
    def test_ends_with_the_seventh_day(self, delivered_at: datetime, end: datetime) -> None:
        assert end_of_right(delivered_at) == end

    def test_is_open_until_its_last_second_and_not_a_second_longer(self, order: Order) -> None:
        at = timezone.now()
        order = deliver(order, at)
        end = end_of_right(at)
        with time_machine.travel(end + timedelta(milliseconds=999), tick=False):
            assert terms_of(order).by_right
            asked = ask(order, 1)
        assert (asked.status, asked.by_right, asked.right_until) == (ReturnStatus.EXPECTED, True, end)
        with time_machine.travel(end + timedelta(seconds=1), tick=False):
            assert not terms_of(order).by_right
            later = ask(order, 1)
        assert (later.status, later.by_right) == (ReturnStatus.REQUESTED, False)

    def test_counts_from_the_last_parcel(self, order: Order) -> None:
        first, second = units_of(order)
        shipments.post_parcel(order, ParcelToPost(units={first: 2}))
        shipments.post_parcel(order, ParcelToPost(units={second: 2}))
        early, late = timezone.now() - timedelta(days=30), timezone.now() - timedelta(days=6)
        parcels = list(Shipment.objects.order_by("posted_at"))
        shipments.record_news(parcels[1], ShipmentStatus.DELIVERED, at=early)
        assert terms_of(Order.objects.get()).right_until is None, "a part is still under way"
        shipments.record_news(parcels[0], ShipmentStatus.DELIVERED, at=late)
        assert terms_of(Order.objects.get()).right_until == end_of_right(late)

    def test_is_open_where_the_day_is_not_known(self, order: Order) -> None:
        """As the release before parcels marked orders as delivered."""
        Order.objects.update(status=OrderStatus.DELIVERED, placed_at=timezone.now() - timedelta(days=300))
        assert terms_of(Order.objects.get()).right_until is None
        assert ask(order).by_right

    def test_cannot_be_refused(self, order: Order) -> None:
        deliver(order)
        asked = ask(order)
        with pytest.raises(ReturnRefused):
            returns.answer_return(asked, accepted=False, answer="no")
        with pytest.raises(IntegrityError), transaction.atomic():
            Return.objects.update(status=ReturnStatus.REFUSED)


class TestAsking:
    def test_what_was_sent_is_expected(self, order: Order) -> None:
        services.mark_shipped(order)
        asked = ask(order, 1, 2, reason=REASON)
        assert asked.number == f"{order.number}-1"
        assert (asked.status, asked.reason) == (ReturnStatus.EXPECTED, REASON)
        assert [(units.quantity, units.not_sent) for units in asked.contents] == [(1, 0), (2, 0)]
        assert Order.objects.get().status == OrderStatus.SHIPPED
        assert ask(order, 1).number == f"{order.number}-2"

    def test_the_same_key_asks_once(self, order: Order) -> None:
        key = uuid4()
        assert {ask(order, 1, key=key, reason=REASON).number for _ in range(2)} == {f"{order.number}-1"}
        assert Return.objects.count() == 1
        with pytest.raises(IdempotencyKeyReused):
            ask(order, 2, key=key, reason=REASON)
        with pytest.raises(IdempotencyKeyReused):
            ask(order_of(ready_cart()), key=key)

    def test_no_unit_twice(self, order: Order) -> None:
        ask(order, 1)
        with pytest.raises(ReturnNotPossible, match="1 × "):
            ask(order, 2)
        ask(order, 1, 2)
        with pytest.raises(ReturnNotPossible):
            ask(order, 1)
        assert terms_of(Order.objects.get()).units == {}

    @pytest.mark.parametrize("units", [(0, 0), (3,), (0, 3)])
    def test_neither_nothing_nor_more_than_was_sold(self, order: Order, units: tuple[int, ...]) -> None:
        with pytest.raises(ReturnNotPossible):
            ask(order, *units)
        assert not Return.objects.exists()
        assert not Order.objects.get().has_returns

    def test_no_line_of_another_order(self, order: Order) -> None:
        other = order_of(ready_cart()).lines.get()
        with pytest.raises(ReturnNotPossible):
            returns.ask_return(order, {other.pk: 1}, key=uuid4())

    def test_not_before_it_is_paid_nor_once_its_money_is_back(self, order: Order) -> None:
        waiting = order_of(ready_cart(), "pix")
        with pytest.raises(ReturnNotPossible) as refused:
            ask(waiting)
        assert refused.value.details == {"reason": "status"}
        services.cancel_order(order, reason="lost", idempotency_key="cancel")
        with pytest.raises(ReturnNotPossible):
            ask(order)

    def test_what_did_not_come_can_be_asked_for_again(self, order: Order) -> None:
        deliver(order)
        asked = ask(order)
        returns.inspect_return(asked, all_came(asked, missing=2))
        assert sum(terms_of(Order.objects.get()).units.values()) == 4
        assert close(asked).refund is None
        assert paid_back(order) == 0
        assert ask(order, 1, 1).status == ReturnStatus.EXPECTED


class TestBeforeItLeaves:
    def test_it_is_on_the_shelf_again_at_once_and_never_leaves(self) -> None:
        product, other = ProductFactory(stock=5), ProductFactory(stock=5)
        order = order_of(ready_cart([product, other], quantity=2))
        asked = ask(order, 1)
        assert asked.status == ReturnStatus.INSPECTED
        assert (stock_of(product), stock_of(other)) == ((4, 0), (3, 0))
        assert list(Order.objects.to_ship()) == [order]
        assert list(shipments.left_to_send(Order.objects.get()).values()) == [1, 2]
        assert services.mark_shipped(order).shown_status == OrderStatus.SHIPPED
        assert [unit.quantity for unit in Shipment.objects.with_contents().get().contents] == [1, 2]

    def test_with_all_of_it_nothing_leaves_and_all_is_paid_back(self) -> None:
        product = ProductFactory(stock=5)
        order = order_of(ready_cart([product], quantity=2))
        asked = ask(order)
        with pytest.raises(ParcelRefused, match="Nothing of order"):
            services.mark_shipped(order)
        assert not Order.objects.to_ship().exists()
        assert close(asked).refund is not None
        order = Order.objects.get()
        assert (order.status, paid_back(order)) == (OrderStatus.REFUNDED, order.total)
        assert stock_of(product) == (5, 0)

    def test_the_rest_of_a_part_moves_the_order_on(self, order: Order) -> None:
        first, _second = units_of(order)
        shipments.post_parcel(order, ParcelToPost(units={first: 1}))
        asked = ask(order, 2, 2)
        assert asked.status == ReturnStatus.EXPECTED
        assert [(units.not_sent, units.expected) for units in asked.contents] == [(1, 1), (2, 0)]
        assert Order.objects.get().shown_status == OrderStatus.SHIPPED

    def test_what_comes_back_undelivered_is_not_sent_again(self, order: Order) -> None:
        """Withdrawn while it is under way, and turned away at the door."""
        services.mark_shipped(order)
        asked = ask(order, 2)
        shipments.record_news(Shipment.objects.get(), ShipmentStatus.RETURNED)
        assert list(shipments.left_to_send(Order.objects.get()).values()) == [2]
        returns.inspect_return(asked, all_came(asked))
        assert list(shipments.left_to_send(Order.objects.get()).values()) == [2]
        shipments.post_parcel(order, ParcelToPost())
        assert shipments.left_to_send(Order.objects.get()) == {}

    def test_turned_away_at_the_door_as_a_whole_it_is_not_delivered(self, order: Order) -> None:
        services.mark_shipped(order)
        asked = ask(order)
        shipments.record_news(Shipment.objects.get(), ShipmentStatus.RETURNED)
        assert Order.objects.get().status == OrderStatus.SHIPPED
        go_through(asked)
        assert (Order.objects.get().status, paid_back(order)) == (OrderStatus.REFUNDED, order.total)

    def test_what_came_back_undelivered_and_is_not_wanted_any_more_ends_the_way(self, order: Order) -> None:
        first, second = units_of(order)
        for line in (first, second):
            shipments.post_parcel(order, ParcelToPost(units={line: 2}))
        came, lost = Shipment.objects.order_by("posted_at")[::-1]
        shipments.record_news(came, ShipmentStatus.DELIVERED)
        shipments.record_news(lost, ShipmentStatus.RETURNED)
        assert Order.objects.get().status == OrderStatus.SHIPPED
        asked = ask(order, 2, 0)
        assert asked.status == ReturnStatus.INSPECTED
        assert Order.objects.get().status == OrderStatus.DELIVERED


class TestInspecting:
    def test_only_what_is_fit_goes_to_the_shelf(self) -> None:
        product = ProductFactory(stock=9)
        order = deliver(order_of(ready_cart([product], quantity=4)))
        asked = ask(order, 4)
        line = order.lines.get().pk
        after = returns.inspect_return(asked, {line: Found(restocked=2, broken=1, missing=1)})
        assert after.status == ReturnStatus.INSPECTED
        assert stock_of(product) == (7, 0)
        closed = close(asked)
        assert closed.goods_amount == paid_back(order) == order.lines.get().unit_price * 3

    @pytest.mark.parametrize("found", [Found(), Found(restocked=1), Found(restocked=2, broken=1)])
    def test_every_unit_is_told_once(self, order: Order, found: Found) -> None:
        deliver(order)
        asked = ask(order, 2)
        with pytest.raises(ReturnRefused):
            returns.inspect_return(asked, dict.fromkeys(units_of(order), found))
        assert Return.objects.get().status == ReturnStatus.EXPECTED
        with pytest.raises(IntegrityError), transaction.atomic():
            ReturnLine.objects.update(broken=3)

    def test_once(self, order: Order) -> None:
        deliver(order)
        asked = ask(order)
        returns.inspect_return(asked, all_came(asked))
        with pytest.raises(ReturnRefused):
            returns.inspect_return(asked, all_came(asked))

    def test_what_a_refund_has_put_back_is_not_put_back_twice(self) -> None:
        product = ProductFactory(stock=5)
        order = deliver(order_of(ready_cart([product], quantity=2)))
        asked = ask(order)
        services.refund_order(order, amount=order.total, reason="kind", restock=True, idempotency_key="all")
        assert stock_of(product) == (5, 0)
        returns.inspect_return(asked, all_came(asked))
        assert stock_of(product) == (5, 0)
        assert close(asked).refund is None
        assert paid_back(order) == order.total

    def test_what_is_broken_is_not_put_back_by_a_later_refund(self) -> None:
        product = ProductFactory(stock=5)
        order = deliver(order_of(ready_cart([product], quantity=3)))
        asked = ask(order, 2)
        returns.inspect_return(asked, {order.lines.get().pk: Found(restocked=1, broken=1)})
        close(asked)
        rest = order.total - paid_back(order)
        services.refund_order(order, amount=rest, reason="kind", restock=True, idempotency_key="rest")
        assert Order.objects.get().status == OrderStatus.REFUNDED
        assert stock_of(product) == (4, 0), "one is broken"


class TestPayingBack:
    def test_all_lines_with_all_freight(self, order: Order) -> None:
        order = deliver(order)
        closed = go_through(ask(order))
        assert (closed.goods_amount, closed.freight_amount) == (order.subtotal, order.shipping_total)
        assert paid_back(order) == order.total
        assert Order.objects.get().status == OrderStatus.REFUNDED

    def test_some_lines_without(self, order: Order) -> None:
        order = deliver(order)
        assert order.shipping_total > 0
        closed = go_through(ask(order, 1))
        assert closed.freight_amount == 0
        assert paid_back(order) == order.lines.order_by("pk")[0].unit_price
        assert Order.objects.get().status == OrderStatus.DELIVERED

    def test_unless_staff_say_so(self, order: Order) -> None:
        order = deliver(order)
        closed = go_through(ask(order, 1), with_freight=True)
        assert closed.freight_amount == order.shipping_total
        rest = go_through(ask(order, 1, 2))
        assert rest.freight_amount == 0, "it has gone back already"
        assert paid_back(order) == order.total

    def test_the_last_of_several_brings_the_freight(self, order: Order) -> None:
        order = deliver(order)
        first, last = ask(order, 2, 1), ask(order, 0, 1)
        assert go_through(last).freight_amount == 0
        assert go_through(first).freight_amount == order.shipping_total
        assert paid_back(order) == order.total

    def test_a_late_request_brings_no_freight_by_itself(self, order: Order) -> None:
        order = deliver(order, timezone.now() - timedelta(days=40))
        asked = ask(order)
        with pytest.raises(ReturnRefused):
            returns.inspect_return(asked, all_came(asked))
        returns.answer_return(asked, accepted=True, answer="Send it to us.")
        assert go_through(asked).freight_amount == 0
        assert paid_back(order) == order.subtotal

    def test_once(self, order: Order) -> None:
        deliver(order)
        asked = ask(order, 1)
        with pytest.raises(ReturnRefused):
            close(asked)
        refunds = {go_through(asked).refund_id, close(asked).refund_id, close(asked, with_freight=True).refund_id}
        assert len(refunds) == Refund.objects.count() == 1

    def test_never_more_than_is_left(self, order: Order) -> None:
        order = deliver(order)
        asked = ask(order)
        services.refund_order(order, amount=Decimal("5.00"), reason="late", restock=False, idempotency_key="sorry")
        closed = go_through(asked)
        assert closed.refund is not None
        assert closed.refund.amount == order.total - 5
        assert paid_back(order) == order.total

    def test_the_books_balance(self, order: Order) -> None:
        deliver(order)
        go_through(ask(order, 1, 1))
        now = timezone.now()
        assert not discrepancies(now - timedelta(days=1), now + timedelta(days=1), 10)
        payment = Payment.objects.with_books().get(pk=order.payment_id)
        assert payment.captured == order.total
        assert payment.refundable == order.total - paid_back(order)


class TestAnswering:
    @pytest.fixture
    def late(self, order: Order) -> Return:
        return ask(deliver(order, timezone.now() - timedelta(days=40)))

    def test_accepted(self, late: Return) -> None:
        after = returns.answer_return(late, accepted=True, answer="Write to us.")
        assert (after.status, after.answer) == (ReturnStatus.EXPECTED, "Write to us.")
        assert after.answered_at is not None

    def test_refused_it_takes_nothing_and_may_be_asked_again(self, late: Return, order: Order) -> None:
        returns.answer_return(late, accepted=False, answer="It was used.")
        assert sum(terms_of(Order.objects.get()).units.values()) == 4
        assert ask(order).status == ReturnStatus.REQUESTED
        with pytest.raises(ReturnRefused):
            returns.answer_return(late, accepted=True, answer="")

    def test_the_log_says_who_and_not_what(self, late: Return, order: Order) -> None:
        returns.answer_return(late, accepted=True, answer="To Rua das Flores 5")
        returns.answer_return(late, accepted=True, answer="To Rua das Flores 6")
        go_through(late)
        log = Entry.objects.about(order.number)
        verbs = [verb for verb in log.values_list("verb", flat=True) if verb.startswith("return.")]
        assert verbs == ["return.accept", "return.explain", "return.inspect", "return.close"]
        assert "Flores" not in str(list(log.values()))


class TestTheDatabase:
    def test_no_status_is_without_a_way_out(self) -> None:
        assert RETURN_MOVES.keys() == set(ReturnStatus)
        assert {status for status, to in RETURN_MOVES.items() if to} == set(OPEN_RETURNS)

    @pytest.mark.parametrize("column", ["closed_at", "goods_amount", "freight_amount"])
    def test_closed_means_with_amounts(self, order: Order, column: str) -> None:
        deliver(order)
        go_through(ask(order, 1))
        with pytest.raises(IntegrityError), transaction.atomic():
            Return.objects.update(**{column: None})

    def test_an_order_of_the_release_before_has_none(self, order: Order) -> None:
        assert not order.has_returns
        assert Order.objects.fetch(order.number, token=order.token).return_requests == []
        ask(order, 1)
        assert len(Order.objects.fetch(order.number, token=order.token).return_requests) == 1


@given(
    cents=st.integers(min_value=0, max_value=10_000_000),
    parts=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=12),
)
def test_whatever_is_returned_one_after_the_other_adds_up_to_the_centavo(cents: int, parts: list[int]) -> None:
    """Also of a line whose total no number of units divides, as one with a discount."""
    line = OrderLine(quantity=sum(parts), line_total=Decimal(cents) / 100)
    prices = [price_of(line, sum(parts[:at]), units) for at, units in enumerate(parts)]
    assert total(prices) == line.line_total
    assert all(price >= 0 and price == round(price, 2) for price in prices)
