"""Parcels: what may be in one, and how the order follows them."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from checkout import services, shipments
from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable, ParcelRefused
from checkout.models import (
    ORDER_MOVES,
    SHIPMENT_MOVES,
    STORED,
    MessageKind,
    Order,
    OrderStatus,
    OutboxMessage,
    Shipment,
    ShipmentEvent,
    ShipmentStatus,
)
from checkout.shipments import MAIL_OF, ParcelToPost, Tracking
from config.audit.models import Entry
from tests.support.backoffice import dispute_of
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

DELIVERED, UNDELIVERED, RETURNED = ShipmentStatus.DELIVERED, ShipmentStatus.UNDELIVERED, ShipmentStatus.RETURNED
CORREIOS = Tracking("Correios", "SEDEX", "qb 123 456 789 br")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def order() -> Order:
    """Two lines of two units each."""
    return order_of(ready_cart(2, quantity=2))


def post(order: Order, *units: int, code: str = "", **more: Any) -> Order:
    """Post a parcel with so many units of the first line, of the second, …; of all that is left without any."""
    lines = [line.pk for line in order.lines.order_by("pk")]
    wanted = dict(zip(lines, units, strict=False)) if units else None
    return shipments.post_parcel(order, ParcelToPost(Tracking("Correios", "PAC", code), wanted), **more)


def parcels(order: Order) -> list[Shipment]:
    return list(Shipment.objects.with_contents().filter(order=order))


def mails(order: Order) -> list[str]:
    kinds = OutboxMessage.objects.filter(order=order).order_by("pk").values_list("kind", flat=True)
    return [kind for kind in kinds if kind != MessageKind.CONFIRMATION]


class TestPosting:
    def test_all_of_it_in_one_parcel(self, order: Order) -> None:
        after = shipments.post_parcel(order, ParcelToPost(CORREIOS, price_paid=Decimal("18.50")))
        assert after.shown_status == OrderStatus.SHIPPED
        (parcel,) = parcels(order)
        assert (parcel.carrier, parcel.service, parcel.tracking_code) == ("Correios", "SEDEX", "QB123456789BR")
        assert parcel.tracking_url.endswith("=QB123456789BR")
        assert [unit.quantity for unit in parcel.contents] == [2, 2]
        assert [event.status for event in parcel.events] == [ShipmentStatus.POSTED]
        assert mails(order) == [MessageKind.PARCEL_POSTED]

    def test_in_parts(self, order: Order) -> None:
        after = post(order, 1)
        assert after.shown_status == OrderStatus.PARTLY_SHIPPED
        assert after.get_status_display() == "partly shipped"
        assert list(Order.objects.to_ship()) == [order]
        assert list(shipments.left_to_send(order).values()) == [1, 2]
        after = post(order, 1, 1)
        assert after.shown_status == OrderStatus.PARTLY_SHIPPED
        after = post(order)
        assert after.shown_status == OrderStatus.SHIPPED
        assert shipments.left_to_send(order) == {}
        assert not Order.objects.to_ship().exists()
        assert [sum(unit.quantity for unit in parcel.contents) for parcel in parcels(order)] == [1, 2, 1]

    def test_the_column_holds_words_that_the_release_before_knows(self, order: Order) -> None:
        post(order, 1)
        assert Order.objects.values_list("status", "partly_shipped").get() == ("shipped", True)
        with pytest.raises(IntegrityError), transaction.atomic():
            Order.objects.update(status=OrderStatus.PARTLY_SHIPPED)
        post(order)
        assert Order.objects.values_list("status", "partly_shipped").get() == ("shipped", False)

    def test_the_same_key_posts_once(self, order: Order) -> None:
        key = uuid4()
        for _ in range(2):
            assert post(order, 1, key=key).shown_status == OrderStatus.PARTLY_SHIPPED
        assert len(parcels(order)) == len(mails(order)) == 1
        other = order_of(ready_cart())
        with pytest.raises(ParcelRefused):
            post(other, key=key)

    @pytest.mark.parametrize("units", [(3,), (0, 0), (0, 3)])
    def test_never_more_than_is_left_nor_nothing(self, order: Order, units: tuple[int, ...]) -> None:
        with pytest.raises(ParcelRefused):
            post(order, *units)
        assert (parcels(order), mails(order)) == ([], [])
        assert Order.objects.get().status == OrderStatus.PAID

    def test_no_line_of_another_order(self, order: Order) -> None:
        other = order_of(ready_cart()).lines.get()
        with pytest.raises(ParcelRefused):
            shipments.post_parcel(order, ParcelToPost(units={other.pk: 1}))

    def test_a_code_once_per_order(self, order: Order) -> None:
        post(order, 1, code="AA1")
        with pytest.raises(ParcelRefused, match="AA1"):
            post(order, 1, code="aa 1")
        post(order_of(ready_cart()), code="AA1")

    @pytest.mark.parametrize("code", ["<b>", "A;B", "-1", "A" * 61, "ÇÃ"])
    def test_what_is_no_code(self, order: Order, code: str) -> None:
        with pytest.raises(ParcelRefused):
            post(order, code=code)

    def test_not_before_it_is_paid_nor_while_it_is_disputed(self, order: Order) -> None:
        waiting = order_of(ready_cart(), "pix")
        with pytest.raises(OrderNotAdvanced):
            post(waiting)
        post(order, 1)
        dispute_of(order)
        with pytest.raises(OrderNotAdvanced, match="disputed"):
            post(order, 1)

    def test_a_shipped_order_of_before_has_no_parcel_and_needs_none(self, order: Order) -> None:
        """As the release before this one marks it."""
        Order.objects.update(status=OrderStatus.SHIPPED)
        assert order not in Order.objects.to_ship()
        with pytest.raises(OrderNotAdvanced):
            post(order)
        assert services.mark_delivered(order).status == OrderStatus.DELIVERED
        assert (parcels(order), mails(order)) == ([], [])

    def test_the_log_names_no_code(self, order: Order) -> None:
        post(order, code="QB123456789BR")
        (parcel,) = parcels(order)
        shipments.correct_tracking(parcel, Tracking("Correios", "PAC", "QB123456780BR"))
        log = list(Entry.objects.about(order.number).values_list("verb", "before", "after"))
        assert [verb for verb, *_ in log] == ["order.ship", "parcel.correct"]
        assert "QB1234" not in str(log)


class TestNews:
    def test_the_order_is_delivered_with_its_last_parcel(self, order: Order) -> None:
        post(order, 1)
        post(order)
        first, second = parcels(order)
        assert shipments.record_news(first, DELIVERED).shown_status == OrderStatus.SHIPPED
        assert shipments.record_news(second, DELIVERED).shown_status == OrderStatus.DELIVERED
        assert mails(order) == [MessageKind.PARCEL_POSTED] * 2 + [MessageKind.PARCEL_DELIVERED] * 2

    def test_not_while_a_part_is_still_here(self, order: Order) -> None:
        post(order, 1)
        (parcel,) = parcels(order)
        assert shipments.record_news(parcel, DELIVERED).shown_status == OrderStatus.PARTLY_SHIPPED
        with pytest.raises(OrderNotAdvanced):
            services.mark_delivered(order)
        assert post(order).shown_status == OrderStatus.SHIPPED

    def test_told_twice_it_counts_once(self, order: Order) -> None:
        post(order)
        (parcel,) = parcels(order)
        at = timezone.now() - timedelta(hours=3)
        for _ in range(2):
            shipments.record_news(parcel, DELIVERED, at=at, text="Objeto entregue")
        (parcel,) = parcels(order)
        assert parcel.delivered_at == at
        assert {event.text for event in parcel.events} == {"", "Objeto entregue"}
        assert mails(order) == [MessageKind.PARCEL_POSTED, MessageKind.PARCEL_DELIVERED]

    @pytest.mark.parametrize("end", [DELIVERED, RETURNED])
    def test_what_has_ended_does_not_move_again(self, order: Order, end: ShipmentStatus) -> None:
        post(order)
        (parcel,) = parcels(order)
        shipments.record_news(parcel, end)
        with pytest.raises(ParcelRefused):
            shipments.record_news(parcel, UNDELIVERED)

    def test_what_came_back_is_sent_again(self, order: Order) -> None:
        post(order, code="AA1")
        (parcel,) = parcels(order)
        shipments.record_news(parcel, UNDELIVERED)
        assert list(Shipment.objects.astray()) == [parcel]
        shipments.record_news(parcel, RETURNED)
        assert list(Shipment.objects.astray()) == [parcel]
        with pytest.raises(OrderNotAdvanced, match="came back"):
            services.mark_delivered(order)
        assert post(order, code="AA2").shown_status == OrderStatus.SHIPPED
        assert not Shipment.objects.astray().exists()
        assert shipments.record_news(parcels(order)[1], DELIVERED).shown_status == OrderStatus.DELIVERED

    def test_marking_the_order_delivers_its_parcels(self, order: Order) -> None:
        post(order, 1)
        post(order)
        services.mark_delivered(order)
        assert {parcel.status for parcel in parcels(order)} == {DELIVERED}

    def test_a_corrected_code_is_told_again(self, order: Order) -> None:
        post(order, code="AA1")
        OutboxMessage.objects.update(sent_at=timezone.now())
        (parcel,) = parcels(order)
        same = Tracking("Correios", "SEDEX", "AA1")
        shipments.correct_tracking(parcel, same)
        assert not OutboxMessage.objects.unsent().exists()
        shipments.correct_tracking(parcel, Tracking("Correios", "SEDEX", "AA2"))
        assert [message.kind for message in OutboxMessage.objects.unsent()] == [MessageKind.PARCEL_POSTED]


class TestRefunds:
    def refund_all(self, order: Order) -> Order:
        return services.refund_order(order, amount=order.total, reason="lost", restock=True, idempotency_key="all")

    def test_only_what_has_not_left_returns_to_stock(self) -> None:
        product, other = ProductFactory(stock=5), ProductFactory(stock=5)
        order = order_of(ready_cart([product, other], quantity=2))
        shipments.post_parcel(order, ParcelToPost(units={order.lines.get(product=product).pk: 1}))
        assert self.refund_all(order).status == OrderStatus.REFUNDED
        assert (stock_of(product), stock_of(other)) == ((4, 0), (5, 0))
        with pytest.raises(OrderNotAdvanced):
            post(order)

    def test_what_came_back_does_too(self) -> None:
        product = ProductFactory(stock=5)
        order = order_of(ready_cart([product], quantity=2))
        post(order, 1)
        shipments.record_news(parcels(order)[0], RETURNED)
        self.refund_all(order)
        assert stock_of(product) == (5, 0)

    def test_part_of_it_has_left_so_it_cannot_be_cancelled(self, order: Order) -> None:
        post(order, 1)
        with pytest.raises(OrderNotCancellable):
            services.cancel_order(order, reason="out of area", idempotency_key="cancel-1")

    def test_the_parcels_of_a_refunded_order_are_still_followed(self, order: Order) -> None:
        post(order)
        self.refund_all(order)
        assert shipments.record_news(parcels(order)[0], DELIVERED).status == OrderStatus.REFUNDED
        assert parcels(order)[0].status == DELIVERED


class TestTables:
    def test_every_status_says_where_it_may_go(self) -> None:
        assert set(ORDER_MOVES) == set(OrderStatus)
        assert set(SHIPMENT_MOVES) == set(ShipmentStatus)
        assert set(STORED) == set(OrderStatus) - {OrderStatus.PARTLY_SHIPPED}

    def test_every_status_of_a_parcel_has_its_mail(self) -> None:
        assert set(MAIL_OF) == set(ShipmentStatus)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"status": "lost"},
            {"status": "delivered"},
            {"delivered_at": timezone.now()},
            {"price_paid": Decimal("-0.01")},
        ],
    )
    def test_what_the_database_refuses(self, order: Order, wrong: dict[str, Any]) -> None:
        post(order)
        with pytest.raises(IntegrityError), transaction.atomic():
            Shipment.objects.update(**wrong)

    def test_a_step_is_kept_once(self, order: Order) -> None:
        post(order)
        step = ShipmentEvent.objects.get()
        with pytest.raises(IntegrityError), transaction.atomic():
            ShipmentEvent.objects.create(shipment=step.shipment, at=step.at, status=step.status)
