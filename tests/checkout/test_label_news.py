"""What the carrier says of a label moves its parcel and its order, in any order and any number of times."""

from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from checkout import label_news, labels, services, shipments
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage, PackedParcel, Shipment, ShipmentStatus
from shipping.models import Label, LabelStatus
from tests.support.backoffice import dispute_of
from tests.support.carrier import StandInCarrier
from tests.support.factories.cart import ready_cart
from tests.support.labels import label_of, order, to_label
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox, close_breakers
from tests.support.simulated_time import pass_time

pytestmark = pytest.mark.django_db

SECRET = "application-secret"


@pytest.fixture(autouse=True)
def signed(settings: Any, carrier: StandInCarrier) -> None:
    # What hangs does so for a minute; the rest is a busy machine's.
    settings.LABEL_SECONDS = 20.0
    settings.SELLER_TAX_ID = "11.222.333/0001-81"
    settings.MELHOR_ENVIO_SECRET = SECRET
    carrier.send_webhooks("", SECRET)


@pytest.fixture
def key() -> UUID:
    """Of a label that is ready to print."""
    key = uuid4()
    labels.buy_label(order(), to_label(), key=key)
    return key


def move(carrier: StandInCarrier, key: UUID, *states: str) -> None:
    for state in states:
        carrier.move_label(label_of(key).carrier_id, state)


def deliver(carrier: StandInCarrier, number: int = -1) -> None:
    """One of its webhooks arrives."""
    event = carrier.events[number]
    headers = {"X-ME-Signature": event["signature"]}
    answer = Client(headers=headers).post("/webhooks/melhor-envio/", event["body"], content_type="application/json")
    assert answer.status_code == 200


def mails() -> list[str]:
    sent = [MessageKind.PARCEL_POSTED, MessageKind.PARCEL_DELIVERED, MessageKind.PARCEL_UNDELIVERED]
    return list(OutboxMessage.objects.filter(kind__in=sent).order_by("pk").values_list("kind", flat=True))


def test_posted_then_delivered(carrier: StandInCarrier, key: UUID) -> None:
    move(carrier, key, "posted")
    deliver(carrier)
    assert label_news.follow_due() == 1
    parcel = Shipment.objects.with_contents().get()
    assert (parcel.pk, parcel.status, parcel.tracking_code) == (key, "posted", label_of(key).tracking_code)
    assert [unit.quantity for unit in parcel.contents] == [1]
    assert label_of(key).status == LabelStatus.POSTED
    assert Order.objects.get().status == OrderStatus.SHIPPED
    move(carrier, key, "delivered")
    deliver(carrier)
    label_news.follow_due()
    assert Order.objects.get().status == OrderStatus.DELIVERED
    assert Shipment.objects.get().delivered_at is not None
    assert mails() == [MessageKind.PARCEL_POSTED, MessageKind.PARCEL_DELIVERED]
    assert label_of(key).ask_at is None


@pytest.mark.parametrize("arrivals", list(permutations([-3, -2, -1])))
def test_webhooks_in_any_order_and_doubled(carrier: StandInCarrier, key: UUID, arrivals: tuple[int, ...]) -> None:
    move(carrier, key, "received", "posted", "delivered")
    for number in arrivals:
        deliver(carrier, number)
        deliver(carrier, number)
        label_news.follow_due()
    assert Order.objects.get().status == OrderStatus.DELIVERED
    assert Shipment.objects.count() == 1
    assert mails() == [MessageKind.PARCEL_POSTED, MessageKind.PARCEL_DELIVERED]


def test_what_stays_silent_is_asked_about(carrier: StandInCarrier, key: UUID) -> None:
    move(carrier, key, "posted")
    assert label_news.follow_due() == 0
    pass_time(6 * 3600 + 1)
    assert label_news.follow_due() == 1
    assert Order.objects.get().status == OrderStatus.SHIPPED
    assert label_news.follow_due() == 0


def test_not_delivered_reaches_shopper_and_staff(carrier: StandInCarrier, key: UUID) -> None:
    move(carrier, key, "posted", "undelivered")
    deliver(carrier)
    label_news.follow_due()
    assert Shipment.objects.get().status == ShipmentStatus.UNDELIVERED
    assert list(Order.objects.with_parcels_astray()) == [Order.objects.get()]
    assert mails() == [MessageKind.PARCEL_POSTED, MessageKind.PARCEL_UNDELIVERED]
    move(carrier, key, "delivered")
    deliver(carrier)
    label_news.follow_due()
    assert Order.objects.get().status == OrderStatus.DELIVERED


def test_what_staff_know_better_stays(carrier: StandInCarrier, key: UUID) -> None:
    labels.hand_over(PackedParcel.objects.with_everything().get())
    shipments.record_news(Shipment.objects.get(), ShipmentStatus.RETURNED)
    move(carrier, key, "delivered")
    deliver(carrier)
    label_news.follow_due()
    assert Shipment.objects.get().status == ShipmentStatus.RETURNED
    assert label_of(key).ask_at is None


def test_handed_over_by_hand_and_posted_by_the_carrier_it_is_one_parcel(carrier: StandInCarrier, key: UUID) -> None:
    labels.hand_over(PackedParcel.objects.with_everything().get())
    move(carrier, key, "posted")
    deliver(carrier)
    label_news.follow_due()
    assert Shipment.objects.count() == 1
    assert mails() == [MessageKind.PARCEL_POSTED]


def test_cancelled_at_the_carrier_its_goods_are_left_to_send(carrier: StandInCarrier, key: UUID) -> None:
    made = Order.objects.get()
    move(carrier, key, "canceled")
    deliver(carrier)
    label_news.follow_due()
    assert label_of(key).status == LabelStatus.CANCELLED
    assert shipments.left_to_pack(made) == shipments.left_to_send(made) != {}


def test_a_parcel_of_a_disputed_order_that_left_is_recorded(carrier: StandInCarrier, key: UUID) -> None:
    dispute_of(Order.objects.get())
    move(carrier, key, "posted")
    deliver(carrier)
    label_news.follow_due()
    assert Order.objects.get().status == OrderStatus.SHIPPED


def test_a_parcel_of_a_refunded_order_that_left_is_recorded(carrier: StandInCarrier, sandbox: Sandbox) -> None:
    with override_settings(MELHOR_ENVIO_API_BASE=""):
        made = order_of(ready_cart())
    key = uuid4()
    labels.buy_label(made, to_label(), key=key)
    move(carrier, key, "posted")
    services.cancel_order(made, reason="changed their mind", idempotency_key="cancel")
    deliver(carrier)
    label_news.follow_due()
    assert Order.objects.get().status == OrderStatus.REFUNDED
    assert Shipment.objects.get().status == ShipmentStatus.POSTED


def test_a_carrier_that_is_away_is_asked_later(carrier: StandInCarrier, key: UUID) -> None:
    move(carrier, key, "posted")
    deliver(carrier)
    carrier.fault("error", path="/api/v2/me/orders")
    assert label_news.follow_due() == 0
    carrier.no_faults()
    close_breakers()
    assert label_news.follow_due() == 0, "others keep away until the claim ends"
    pass_time(301)
    assert label_news.follow_due() == 1
    assert Order.objects.get().status == OrderStatus.SHIPPED


def test_a_label_that_the_carrier_does_not_know_is_asked_about_in_hours(carrier: StandInCarrier, key: UUID) -> None:
    Label.objects.update(carrier_id="unknown", ask_at=timezone.now())
    assert label_news.follow_due() == 0
    pass_time(301)
    before = label_of(key).ask_at
    assert label_news.follow_due() == 0
    assert label_of(key).ask_at == before


def test_many_silent_labels_are_asked_about_in_rounds(carrier: StandInCarrier, monkeypatch: Any) -> None:
    monkeypatch.setattr(label_news, "BATCH", 2)
    for _ in range(3):
        labels.buy_label(order(), to_label(), key=uuid4())
    Label.objects.update(ask_at=timezone.now())
    assert [label_news.follow_due() for _ in range(3)] == [2, 1, 0]
