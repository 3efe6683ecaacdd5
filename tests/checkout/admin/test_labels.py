"""Labels on an order's page: bought with one press, printed, cancelled and handed over by those who ship."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from checkout import labels
from checkout.models import Order, PackedParcel, Shipment
from config.formats import money
from shipping.models import Label, LabelStatus
from tests.support.backoffice import dispute_of, page_of, told
from tests.support.carrier import StandInCarrier
from tests.support.labels import bought, order, to_label
from tests.support.simulated_time import pass_time
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.LABEL_SECONDS = 20.0
    settings.SELLER_TAX_ID = "11.222.333/0001-81"


def form_of(made: Order) -> str:
    return reverse("admin:checkout_order_label", args=[made.pk])


def verb(name: str, made: Order) -> str:
    label = Label.objects.get(reference=made.number)
    return reverse("admin:checkout_order_label_verb", args=[made.pk, label.pk, name])


def filled(desk: Client, made: Order, **changes: Any) -> dict[str, Any]:
    """The form as it is shown, sent unchanged but for `changes`."""
    form = desk.get(form_of(made)).context["form"]
    return {**{name: form[name].value() for name in form.fields}, **changes}


def test_the_form_offers_a_box_around_the_goods_and_tells_the_wallet(desk: Client, carrier: StandInCarrier) -> None:
    carrier.fill_wallet(150)
    answer = desk.get(form_of(order(products=2)))
    form = answer.context["form"]
    assert [form[name].value() for name in ("weight_grams", "length_cm", "width_cm", "height_cm")] == [1000, 20, 15, 20]
    assert "melhor-envio-2" in dict(form.fields["service"].choices)
    page = answer.content.decode()
    with override("en"):
        assert f"In the wallet: {money(Decimal('150.00'))}." in page
    assert "Fill it soon" not in page
    carrier.fill_wallet(5)
    assert "Fill it soon" in desk.get(form_of(order())).content.decode()


def test_one_press_buys_it_and_the_page_prints_it(desk: Client, carrier: StandInCarrier) -> None:
    made = order()
    answer = desk.post(form_of(made), filled(desk, made, service="melhor-envio-2"), follow=True)
    assert told(answer) == ["The label is ready to print."]
    label = Label.objects.get()
    assert (label.service, label.service_name) == ("2", "Correios SEDEX")
    page = answer.content.decode()
    assert label.print_url in page
    assert label.tracking_code in page
    assert carrier.paid == label.price
    # All of it is packed.
    assert "no label can be bought now" in desk.get(form_of(made)).content.decode()


def test_sent_twice_it_is_bought_once(desk: Client, carrier: StandInCarrier) -> None:
    made = order(products=2)
    twice = filled(desk, made)
    for _ in range(2):
        assert desk.post(form_of(made), twice).status_code == 302
    assert len(bought(carrier)) == Label.objects.count() == 1


def test_a_refusal_is_told_and_gone_on_from(desk: Client, carrier: StandInCarrier) -> None:
    made = order()
    carrier.fill_wallet(0)
    answer = desk.post(form_of(made), filled(desk, made), follow=True)
    assert told(answer) == [
        "The carrier refused: Saldo insuficiente na carteira. Nothing was bought twice; put it right and go on."
    ]
    carrier.fill_wallet(100)
    assert told(desk.post(verb("go-on", made), follow=True)) == ["The label is ready to print."]


def test_a_lost_answer_is_told(desk: Client, carrier: StandInCarrier) -> None:
    made = order()
    data = filled(desk, made)
    carrier.fault("lost_answer", path="/api/v2/me/shipment/checkout", times=1)
    answer = desk.post(form_of(made), data, follow=True)
    assert told(answer) == ["The carrier has not answered yet. The label is looked up within two minutes."]


@pytest.mark.parametrize("wrong", [{"service": "flat"}, {"weight_grams": "0"}, {"warehouse": ""}, {"key": "x"}])
def test_what_is_wrong_is_said_and_nothing_is_bought(
    desk: Client, carrier: StandInCarrier, wrong: dict[str, Any]
) -> None:
    made = order()
    assert desk.post(form_of(made), filled(desk, made, **wrong)).status_code == 409
    assert not Label.objects.exists()


def test_cancelled_and_handed_over_with_one_press_each(desk: Client, carrier: StandInCarrier) -> None:
    first, second = order(), order()
    for made in (first, second):
        labels.buy_label(made, to_label(), key=uuid4())
    answer = desk.post(verb("cancel", first), follow=True)
    assert told(answer) == ["The label is cancelled; its price goes back to the wallet."]
    answer = desk.post(verb("hand-over", second), follow=True)
    assert told(answer) == [f"The parcel is recorded. Order {second.number} is shipped."]
    assert Shipment.objects.get().order == second
    statuses = set(Label.objects.values_list("status", flat=True))
    assert statuses == {LabelStatus.CANCELLED, LabelStatus.POSTED}


def test_only_those_who_ship_and_only_by_post(desk: Client, carrier: StandInCarrier) -> None:
    made = order()
    labels.buy_label(made, to_label(), key=uuid4())
    viewer = staff_with("checkout.view_order")
    assert viewer.get(form_of(made)).status_code == 403
    for name in ("go-on", "cancel", "hand-over"):
        assert viewer.post(verb(name, made)).status_code == 403
        assert desk.get(verb(name, made)).status_code == 405
    assert desk.post(verb("burn", made)).status_code == 404
    page = viewer.get(page_of(made)).content.decode()
    assert "Labels" in page
    assert "hand-over" not in page
    other = order()
    parcel = PackedParcel.objects.get()
    strange = reverse("admin:checkout_order_label_verb", args=[other.pk, parcel.pk, "cancel"])
    assert desk.post(strange).status_code == 404


def test_none_while_disputed_or_without_a_carrier(desk: Client, carrier: StandInCarrier, settings: Any) -> None:
    made = order()
    dispute_of(made)
    assert "no label can be bought now" in desk.get(form_of(made)).content.decode()
    settings.MELHOR_ENVIO_API_BASE = ""
    assert desk.get(form_of(made)).status_code == 404
    assert form_of(order()) not in desk.get(page_of(order())).content.decode()


def test_labels_that_are_not_finished_are_counted_at_home_and_listed(desk: Client, carrier: StandInCarrier) -> None:
    stuck, done = order(), order()
    carrier.fill_wallet(0)
    labels.buy_label(stuck, to_label(), key=uuid4())
    carrier.fill_wallet(100)
    labels.buy_label(done, to_label(), key=uuid4())
    answers = {answer["url"]: answer["count"] for answer in desk.get("/admin/").context["answers"]}
    url = reverse("admin:checkout_order_changelist") + "?parcels=labels"
    assert answers[url] == 0, "it may still be under way"
    pass_time(301)
    answers = {answer["url"]: answer["count"] for answer in desk.get("/admin/").context["answers"]}
    assert answers[url] == 1
    assert list(desk.get(url).context["cl"].result_list) == [stuck]


def test_the_labels_of_a_day_are_one_document(desk: Client, carrier: StandInCarrier) -> None:
    orders = [order() for _ in range(4)]
    for made in orders[:3]:
        labels.buy_label(made, to_label(), key=uuid4())
    labels.hand_over(PackedParcel.objects.with_everything().get(order=orders[2]))
    url = reverse("admin:checkout_order_changelist")

    def press(*chosen: Order) -> str:
        data = {"action": "print_labels", "_selected_action": [made.pk for made in chosen]}
        return desk.post(url, data, follow=True).content.decode()

    first, second = (
        Label.objects.filter(status=LabelStatus.MADE).order_by("created_at").values_list("carrier_id", flat=True)
    )
    assert f'href="{carrier.base_url}/print/{first},{second}"' in press(*orders)
    assert "None of these orders has a label" in press(*orders[2:])
    carrier.fault("error", path="/api/v2/me/shipment/print")
    assert "The carrier did not make the print" in press(*orders)
