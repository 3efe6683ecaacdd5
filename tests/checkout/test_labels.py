"""Labels of an order's parcels: bought once whatever fails, and their goods packed by nobody else."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone

from checkout import labels, services, shipments
from checkout.exceptions import ParcelRefused
from checkout.models import Order, OrderStatus, PackedParcel, Shipment
from checkout.retention import forget_tracking
from checkout.returns import ask_return
from checkout.shipments import ParcelToPost
from config.audit.models import Entry
from inventory.models import Warehouse
from shipping.exceptions import LabelsUnavailable
from shipping.models import Label, LabelStatus
from tests.support.carrier import StandInCarrier
from tests.support.factories.cart import ready_cart
from tests.support.labels import bought, finish_labels, in_cart, label_of, order, to_label
from tests.support.orders import order_of
from tests.support.sandbox import close_breakers

pytestmark = pytest.mark.django_db

ME = "/api/v2/me"
STEPS = ["/cart", "/shipment/checkout", "/shipment/generate", "/orders/", "/shipment/print"]


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    # What hangs does so for a minute; the rest is a busy machine's.
    settings.LABEL_SECONDS = 20.0
    settings.SELLER_TAX_ID = "11.222.333/0001-81"


def packed(key: object) -> PackedParcel:
    return PackedParcel.objects.with_everything().get(pk=key)


class TestBuying:
    def test_one_call_buys_makes_and_prints(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        label = labels.buy_label(made, to_label(), key=key)
        assert (label.status, label.is_at_rest, label.last_error) == (LabelStatus.MADE, True, "")
        assert label.tracking_code.startswith("ME")
        assert label.print_url.startswith(carrier.base_url)
        assert bought(carrier) == [label.carrier_id]
        assert carrier.paid == label.price
        assert carrier.labels[0]["tags"] == [{"tag": str(key)}]
        # The parcel has not left yet.
        assert not Shipment.objects.exists()
        assert Order.objects.get().status == OrderStatus.PAID
        assert Entry.objects.filter(verb="label.buy").exists()

    def test_the_same_key_buys_once(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        for _ in range(3):
            labels.buy_label(made, to_label(), key=key)
        assert len(carrier.labels) == 1
        assert Label.objects.get().status == LabelStatus.MADE

    def test_the_key_of_another_order_is_refused(self, carrier: StandInCarrier) -> None:
        key = uuid4()
        labels.buy_label(order(), to_label(), key=key)
        with pytest.raises(ParcelRefused):
            labels.buy_label(order(), to_label(), key=key)

    def test_what_has_a_label_is_packed_by_nobody_else(self, carrier: StandInCarrier) -> None:
        made = order(products=2)
        first, second = made.lines.order_by("pk")
        labels.buy_label(made, to_label(units={first.pk: 1}), key=uuid4())
        assert shipments.left_to_pack(made) == {second.pk: 1}
        with pytest.raises(ParcelRefused):
            labels.buy_label(made, to_label(units={first.pk: 1}), key=uuid4())
        with pytest.raises(ParcelRefused):
            shipments.post_parcel(made, ParcelToPost(units={first.pk: 1, second.pk: 1}))
        after = shipments.post_parcel(made, ParcelToPost())
        assert after.shown_status == OrderStatus.PARTLY_SHIPPED
        with pytest.raises(ParcelRefused, match="já tem etiqueta"):
            services.mark_shipped(after)

    @pytest.mark.parametrize("missing", ["warehouse", "tax_id", "carrier"])
    def test_what_is_missing_is_said_and_nothing_is_recorded(
        self, carrier: StandInCarrier, settings: Any, missing: str
    ) -> None:
        made = order()
        if missing == "warehouse":
            Warehouse.objects.update(street="")
        elif missing == "tax_id":
            Order.objects.update(tax_id="")
        else:
            settings.MELHOR_ENVIO_API_BASE = ""
        with pytest.raises(LabelsUnavailable if missing == "carrier" else ParcelRefused):
            labels.buy_label(made, to_label(), key=uuid4())
        assert not PackedParcel.objects.exists()
        assert carrier.labels == []

    def test_an_empty_wallet_waits_for_a_person(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        carrier.fill_wallet(1)
        label = labels.buy_label(made, to_label(), key=key)
        assert (label.status, label.last_error) == (LabelStatus.PLACED, "Saldo insuficiente na carteira.")
        finish_labels()
        assert bought(carrier) == []
        carrier.fill_wallet(100)
        finish_labels()
        assert bought(carrier) == [], "nobody has pressed"
        assert labels.go_on(packed(key)).status == LabelStatus.MADE
        assert len(carrier.labels) == len(bought(carrier)) == 1

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("kind", ["lost_answer", "error", "late_error"])
    def test_whatever_gets_lost_is_looked_up_and_bought_once(
        self, carrier: StandInCarrier, step: str, kind: str
    ) -> None:
        fault = {"kind": "error", "after": True} if kind == "late_error" else {"kind": kind}
        made, key = order(), uuid4()
        carrier.fault(**fault, path=f"{ME}{step}", times=1)
        labels.buy_label(made, to_label(), key=key)
        assert label_of(key).unsure
        # Others keep away from a call that may be in flight.
        labels.go_on(packed(key))
        labels.finish_due()
        assert label_of(key).unsure
        close_breakers()
        finish_labels()
        label = label_of(key)
        assert (label.status, label.is_at_rest) == (LabelStatus.MADE, True)
        assert bought(carrier) == [label.carrier_id]
        assert in_cart(carrier) == []
        assert carrier.paid == label.price

    def test_a_label_that_vanished_is_not_bought_again_by_itself(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        carrier.fault("error", path=f"{ME}/shipment/checkout", times=1)
        labels.buy_label(made, to_label(), key=key)
        carrier.reset()
        finish_labels()
        assert (label_of(key).status, label_of(key).due_at) == (LabelStatus.PLACED, None)
        assert labels.cancel_label(packed(key)).status == LabelStatus.CANCELLED
        assert shipments.left_to_pack(made) == shipments.left_to_send(made)

    def test_an_unanswered_label_waits_for_a_person_in_the_end(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        carrier.fault("error", path=f"{ME}/shipment/generate")
        labels.buy_label(made, to_label(), key=key)
        Label.objects.update(tries=29)
        close_breakers()
        finish_labels()
        assert (label_of(key).tries, label_of(key).due_at) == (30, None)
        assert list(Label.objects.stuck(timezone.now())) == [label_of(key)]
        carrier.no_faults()
        close_breakers()
        assert labels.go_on(packed(key)).is_at_rest


class TestHandingOver:
    def test_the_parcel_is_recorded_once_with_what_the_label_says(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        label = labels.buy_label(made, to_label(), key=key)
        for _ in range(2):
            assert labels.hand_over(packed(key)).status == OrderStatus.SHIPPED
        parcel = Shipment.objects.with_contents().get()
        assert (parcel.pk, parcel.carrier, parcel.tracking_code) == (key, "Correios SEDEX", label.tracking_code)
        assert (parcel.weight_grams, parcel.price_paid) == (500, label.price)
        assert "correios" in parcel.tracking_url
        assert [unit.quantity for unit in parcel.contents] == [1]
        assert label_of(key).status == LabelStatus.POSTED
        assert not shipments.left_to_send(made)

    def test_not_before_it_is_ready(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        carrier.fill_wallet(0)
        labels.buy_label(made, to_label(), key=key)
        with pytest.raises(ParcelRefused, match="não está pronta"):
            labels.hand_over(packed(key))


class TestCancelling:
    def test_its_price_comes_back_and_its_goods_are_left_to_send(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        labels.buy_label(made, to_label(), key=key)
        assert labels.cancel_label(packed(key)).status == LabelStatus.CANCELLED
        assert (carrier.paid, bought(carrier)) == (Decimal(0), [])
        assert labels.buy_label(made, to_label(), key=uuid4()).status == LabelStatus.MADE

    @pytest.mark.parametrize("step", STEPS)
    def test_in_whatever_step_the_answer_got_lost(self, carrier: StandInCarrier, step: str) -> None:
        made, key = order(), uuid4()
        carrier.fault("lost_answer", path=f"{ME}{step}", times=1)
        labels.buy_label(made, to_label(), key=key)
        labels.cancel_label(packed(key))
        close_breakers()
        finish_labels()
        assert label_of(key).status == LabelStatus.CANCELLED
        assert (carrier.paid, bought(carrier), in_cart(carrier)) == (Decimal(0), [], [])

    @pytest.mark.parametrize("path", ["/orders/", "/shipment/cancellable", "/shipment/cancel"])
    def test_an_answer_that_gets_lost(self, carrier: StandInCarrier, path: str) -> None:
        made, key = order(), uuid4()
        labels.buy_label(made, to_label(), key=key)
        carrier.fault("lost_answer", path=f"{ME}{path}", times=1)
        labels.cancel_label(packed(key))
        assert label_of(key).cancelling
        close_breakers()
        finish_labels()
        assert (label_of(key).status, carrier.paid) == (LabelStatus.CANCELLED, Decimal(0))

    def test_what_the_carrier_has_stays(self, carrier: StandInCarrier) -> None:
        made, key = order(), uuid4()
        label = labels.buy_label(made, to_label(), key=key)
        carrier.move_label(label.carrier_id, "posted")
        after = labels.cancel_label(packed(key))
        assert (after.status, after.cancelling) == (LabelStatus.MADE, False)
        assert labels.hand_over(packed(key)).status == OrderStatus.SHIPPED

    def test_an_order_that_is_cancelled_cancels_its_labels(self, carrier: StandInCarrier, sandbox: Any) -> None:
        with override_settings(MELHOR_ENVIO_API_BASE=""):
            made = order_of(ready_cart())
        labels.buy_label(made, to_label(), key=uuid4())
        services.cancel_order(made, reason="changed their mind", idempotency_key="cancel")
        labels.finish_due()
        assert (Label.objects.get().status, carrier.paid) == (LabelStatus.CANCELLED, Decimal(0))

    def test_goods_that_are_given_back_are_in_no_label_any_more(self, carrier: StandInCarrier, sandbox: Any) -> None:
        with override_settings(MELHOR_ENVIO_API_BASE=""):
            made = order_of(ready_cart(2))
        labels.buy_label(made, to_label(), key=uuid4())
        first, second = made.lines.order_by("pk")
        ask_return(made, {first.pk: 1}, key=uuid4())
        labels.finish_due()
        assert (Label.objects.get().status, carrier.paid) == (LabelStatus.CANCELLED, Decimal(0))
        assert shipments.left_to_pack(Order.objects.get()) == {second.pk: 1}


def test_a_code_is_forgotten_with_the_address(carrier: StandInCarrier) -> None:
    made, key = order(), uuid4()
    labels.buy_label(made, to_label(), key=key)
    forget_tracking(Order.objects.all())
    label = label_of(key)
    assert (label.tracking_code, label.print_url, label.last_error) == ("", "", "")
