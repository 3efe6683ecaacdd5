"""A status without a decision about its mail fails here: each has a way to it, and a mail that tells of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import notices, services, shipments
from checkout.models import MAILS, MessageKind, Order, OrderStatus, OutboxMessage, Shipment, ShipmentStatus
from checkout.shipments import MAIL_OF, ParcelToPost
from checkout.sweeper import settle_stale_attempts
from payments.models import PaymentAttempt, RefundStatus
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def paid() -> Order:
    return order_of(ready_cart(2))


def partly_shipped() -> None:
    order = paid()
    shipments.post_parcel(order, ParcelToPost(units={order.lines.all()[0].pk: 1}))


def delivered() -> None:
    shipments.post_parcel(paid(), ParcelToPost())
    shipments.record_news(Shipment.objects.get(), ShipmentStatus.DELIVERED)


def cancelling(sandbox: Any) -> None:
    sandbox.fault("refunds_pending", seconds=3600)
    services.cancel_order(paid(), reason="", idempotency_key="k")


def expired() -> None:
    order_of(ready_cart(), "pix")
    PaymentAttempt.objects.update(expires_at=timezone.now(), due_at=timezone.now() - timedelta(seconds=1))
    settle_stale_attempts()


WAYS: dict[OrderStatus, Callable[[Any], object]] = {
    OrderStatus.AWAITING_PAYMENT: lambda _sandbox: order_of(ready_cart(), "pix"),
    OrderStatus.PAID: lambda _sandbox: paid(),
    OrderStatus.PARTLY_SHIPPED: lambda _sandbox: partly_shipped(),
    OrderStatus.SHIPPED: lambda _sandbox: shipments.post_parcel(paid(), ParcelToPost()),
    OrderStatus.DELIVERED: lambda _sandbox: delivered(),
    OrderStatus.CANCELLING: cancelling,
    OrderStatus.CANCELLED: lambda _sandbox: expired(),
    OrderStatus.REFUNDED: lambda _sandbox: services.cancel_order(paid(), reason="", idempotency_key="k"),
}


@pytest.mark.parametrize("status", OrderStatus)
def test_each_status_of_an_order_has_its_mail(status: OrderStatus, sandbox: Any) -> None:
    WAYS[status](sandbox)
    assert Order.objects.get().shown_status == status
    promised = {MessageKind(kind) for kind in OutboxMessage.objects.values_list("kind", flat=True)}
    assert promised & notices.MAILS_OF[status]


def test_the_decisions_are_complete() -> None:
    assert set(notices.MAILS_OF) == set(OrderStatus)
    assert set(notices.MAIL_OF_REFUND) == set(RefundStatus)
    assert set(MAIL_OF) == set(ShipmentStatus)
    of_orders = frozenset[MessageKind]().union(*notices.MAILS_OF.values())
    of_returns = {MessageKind.RETURN_ASKED, MessageKind.RETURN_ANSWERED}
    assert of_orders | set(notices.MAIL_OF_REFUND.values()) | set(MAIL_OF.values()) | of_returns == set(MAILS)
