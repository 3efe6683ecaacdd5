"""Parcels on an order's page: recorded once, with what is in them, by those who ship."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checkout import shipments
from checkout.models import Order, OrderStatus, Shipment, ShipmentStatus
from checkout.shipments import ParcelToPost, Tracking
from tests.support.backoffice import dispute_of, order, page_of, told
from tests.support.factories.inventory import WarehouseFactory

pytestmark = pytest.mark.django_db

CODE = "QB123456789BR"


def form_of(made: Order) -> str:
    return reverse("admin:checkout_order_parcel", args=[made.pk])


def filled(made: Order, *units: int, **changes: Any) -> dict[str, Any]:
    lines = [f"line_{line.pk}" for line in made.lines.order_by("pk")]
    tracking = {"carrier": "Correios", "service": "PAC", "tracking_code": CODE, "tracking_url": ""}
    rest = {"warehouse": "", "weight_grams": "", "price_paid": "", "key": uuid4()}
    return {**dict(zip(lines, units, strict=True)), **tracking, **rest, **changes}


def change(name: str, parcel: Shipment, *more: str) -> str:
    return reverse(f"admin:checkout_order_parcel_{name}", args=[parcel.order_id, parcel.pk, *more])


def test_the_form_offers_what_is_left(desk: Client) -> None:
    made = order(products=2)
    first, second = made.lines.order_by("pk")
    shipments.post_parcel(made, ParcelToPost(units={first.pk: 1}))
    page = desk.get(form_of(made)).content.decode()
    assert f'name="line_{second.pk}" value="1"' in page
    assert f"line_{first.pk}" not in page


def test_a_parcel_with_everything(desk: Client) -> None:
    made = order(products=2)
    more = {"weight_grams": "1250", "price_paid": "18.50"}
    answer = desk.post(form_of(made), filled(made, 1, 0, **more), follow=True)
    assert told(answer) == [f"The parcel is recorded. Order {made.number} is partly shipped."]
    parcel = Shipment.objects.with_contents().get()
    assert (parcel.weight_grams, parcel.price_paid) == (1250, Decimal("18.50"))
    assert [unit.quantity for unit in parcel.contents] == [1]
    page = answer.content.decode()
    assert CODE in page
    assert "1,250 g" in page
    assert "Parcel: posted" in page


def test_the_warehouse_that_the_goods_came_from_is_chosen_for_them(desk: Client) -> None:
    made = order()
    desk.post(form_of(made), filled(made, 1, warehouse=desk.get(form_of(made)).context["form"]["warehouse"].value()))
    assert Shipment.objects.get().warehouse is not None


def test_no_other_warehouse_can_be_named(desk: Client) -> None:
    made = order()
    answer = desk.post(form_of(made), filled(made, 1, warehouse=WarehouseFactory(code="far").pk))
    assert answer.status_code == 409
    assert not Shipment.objects.exists()


def test_sent_twice_it_is_recorded_once(desk: Client) -> None:
    made = order(products=2)
    twice = filled(made, 1, 0)
    for _ in range(2):
        assert desk.post(form_of(made), twice).status_code == 302
    assert Shipment.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"units": (2,)}, "less than or equal to 1"),
        ({"units": (0,)}, "Nothing is in this parcel"),
        ({"tracking_code": "A;B"}, "is no tracking code"),
        ({"tracking_url": "javascript:alert(1)"}, "valid URL"),
        ({"tracking_url": "ftp://example.com/"}, "valid URL"),
        ({"carrier": "Correios\nBcc: x"}, "one line"),
        ({"price_paid": "-1"}, ""),
        ({"weight_grams": "0"}, ""),
        ({"key": "x"}, ""),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_recorded(desk: Client, wrong: dict[str, Any], why: str) -> None:
    made = order()
    units = wrong.pop("units", (1,))
    answer = desk.post(form_of(made), filled(made, *units, **wrong))
    assert answer.status_code == 409
    assert why in answer.content.decode()
    assert not Shipment.objects.exists()


def test_none_while_the_payment_is_disputed(desk: Client) -> None:
    made = order()
    dispute_of(made)
    assert "no parcel can be sent now" in desk.get(form_of(made)).content.decode()
    assert "disputed" in desk.post(form_of(made), filled(made, 1)).content.decode()
    assert form_of(made) not in desk.get(page_of(made)).content.decode()


def test_what_becomes_of_it_is_one_press(desk: Client) -> None:
    made = order()
    shipments.post_parcel(made, ParcelToPost(Tracking("Correios", "", CODE)))
    parcel = Shipment.objects.get()
    answer = desk.post(change("news", parcel, "undelivered"), follow=True)
    assert told(answer) == [f"The parcel is recorded as not delivered. Order {made.number} is shipped."]
    answer = desk.post(change("news", parcel, "delivered"), follow=True)
    assert Order.objects.get().status == OrderStatus.DELIVERED
    (message,) = told(desk.post(change("news", parcel, "returned"), follow=True))
    assert "cannot become" in message
    assert desk.get(change("news", parcel, "returned")).status_code == 405
    assert desk.post(change("news", parcel, "lost")).status_code == 404
    assert Shipment.objects.get().status == ShipmentStatus.DELIVERED


def test_a_parcel_of_another_order_is_not_found(desk: Client) -> None:
    made, other = order(), order()
    shipments.post_parcel(made, ParcelToPost())
    parcel = Shipment.objects.get()
    for name, more in (("news", ["delivered"]), ("correct", [])):
        url = reverse(f"admin:checkout_order_parcel_{name}", args=[other.pk, parcel.pk, *more])
        assert desk.post(url).status_code == 404


def test_the_tracking_is_corrected(desk: Client) -> None:
    made = order()
    shipments.post_parcel(made, ParcelToPost(Tracking("Correios", "PAC", CODE)))
    parcel = Shipment.objects.get()
    assert CODE in desk.get(change("correct", parcel)).content.decode()
    named = {"carrier": "Correios", "service": "PAC", "tracking_code": "QB123456780BR", "tracking_url": ""}
    answer = desk.post(change("correct", parcel), named, follow=True)
    assert told(answer) == ["The parcel's tracking is corrected."]
    parcel.refresh_from_db()
    assert parcel.tracking_url.endswith("QB123456780BR")


def test_lists_find_what_is_to_send_and_what_went_astray(desk: Client) -> None:
    whole, part, back = order(), order(products=2), order()
    shipments.post_parcel(part, ParcelToPost(units={part.lines.first().pk: 1}))
    shipments.post_parcel(back, ParcelToPost(Tracking("Correios", "", CODE)))
    shipments.record_news(Shipment.objects.get(order=back), ShipmentStatus.RETURNED)

    def listed(query: str) -> set[str]:
        answer = desk.get(reverse("admin:checkout_order_changelist") + query)
        assert answer.status_code == 200
        return {row.number for row in answer.context["cl"].result_list}

    assert listed("?parcels=to_send") == {whole.number, part.number}
    assert listed("?parcels=partly") == {part.number}
    assert listed("?parcels=astray") == {back.number}
    assert listed(f"?q={CODE.lower()}") == {back.number}
    home = desk.get(reverse("admin:index")).content.decode()
    assert "?parcels=astray" in home
    assert "?parcels=to_send" in home


def test_the_page_has_the_same_statements_for_any_number_of_parcels(desk: Client) -> None:
    counts = []
    for parcels in (1, 4):
        made = order(products=parcels)
        for line in made.lines.all():
            shipments.post_parcel(made, ParcelToPost(units={line.pk: 1}))
        desk.get(page_of(made))
        with CaptureQueriesContext(connection) as queries:
            desk.get(page_of(made))
        counts.append(len(queries))
    assert counts[0] == counts[1]
