"""Many parcels at once: a file is looked at first, then done, and done once."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from checkout.admin import parcel_sheet
from checkout.models import Order, OrderStatus, OutboxMessage, Shipment, ShipmentLine
from config.audit.models import Entry
from tests.support.backoffice import dispute_of, order

pytestmark = pytest.mark.django_db

HEAD = "pedido;transportadora;serviço;código de rastreio\n"


def page() -> str:
    return reverse("admin:post_parcels")


def preview(desk: Client, text: str | bytes) -> Any:
    content = text.encode() if isinstance(text, str) else text
    return desk.post(page(), {"file": SimpleUploadedFile("lista.csv", content), "do": "preview"})


def record(desk: Client, previewed: Any) -> Any:
    return desk.post(page(), {"sheet": previewed.context["sheet"], "do": "record"})


def results(answer: Any) -> list[str]:
    return [parcel.problem or ("known" if parcel.is_known else "good") for parcel in answer.context["posted"]]


def test_nothing_is_recorded_before_it_was_seen(desk: Client) -> None:
    made = order(products=2)
    seen = preview(desk, f"{HEAD}{made.number};Correios;PAC;QB123456789BR\n")
    assert results(seen) == ["good"]
    html = seen.content.decode()
    assert "1 parcel can be recorded. Nothing is recorded yet." in html
    assert all(line.name in html for line in made.lines.all())
    assert made.name in html
    assert not Shipment.objects.exists()
    assert not OutboxMessage.objects.exclude(kind="confirmation").exists()
    assert not Entry.objects.filter(verb="order.ship").exists()
    assert Order.objects.get().status == OrderStatus.PAID


def test_then_each_is_recorded_once(desk: Client) -> None:
    first, second = order(), order()
    seen = preview(desk, f"{HEAD}{first.number};Correios;PAC;AA1\n#{second.number.lower()};Jadlog;;BB 2\n")
    done = record(desk, seen)
    assert results(done) == ["good", "good"]
    assert "2 parcels are recorded." in done.content.decode()
    assert set(Shipment.objects.values_list("order", "carrier", "tracking_code")) == {
        (first.pk, "Correios", "AA1"),
        (second.pk, "Jadlog", "BB2"),
    }
    assert set(Order.objects.values_list("status", flat=True)) == {"shipped"}
    assert Entry.objects.filter(verb="order.ship", actor="chefe@example.com").count() == 2
    assert results(record(desk, seen)) == ["known", "known"]
    assert Shipment.objects.count() == 2


def test_what_cannot_be_recorded_is_said_and_the_rest_is(desk: Client) -> None:
    good, waiting, disputed = order(), order("action"), order()
    dispute_of(disputed)
    lines = [f"{number};Correios;;C{at}" for at, number in enumerate([waiting.number, "0000000000", disputed.number])]
    seen = preview(desk, HEAD + "\n".join([*lines, f"{good.number};Correios;;C9", f"{good.number};Correios;;C10"]))
    begun = [
        f"Order {waiting.number} is awaiting payment",
        "There is no order with this number",
        f"The payment of order {disputed.number} is disputed",
        "good",
        f"Order {good.number} is shipped",
    ]
    assert [told[: len(start)] for told, start in zip(results(seen), begun, strict=True)] == begun
    assert results(record(desk, seen)) == results(seen)
    assert Shipment.objects.get().order == good


def test_a_part_of_an_order_by_sku(desk: Client) -> None:
    made = order(products=3)
    first, second, _third = made.lines.order_by("pk")
    head = "Order,Carrier,Tracking code,SKU,Quantity\n"
    text = f"{head}{made.number},Correios,AA1,{first.sku},1\n{made.number},Correios,AA1,{second.sku.lower()},1\n"
    seen = preview(desk, text)
    (planned,) = seen.context["posted"]
    assert planned.contents == [(1, first.name), (1, second.name)]
    record(desk, seen)
    assert set(ShipmentLine.objects.values_list("order_line", flat=True)) == {first.pk, second.pk}
    assert Order.objects.get().shown_status == OrderStatus.PARTLY_SHIPPED
    wrong = f"{head}{made.number},Correios,AA2,{first.sku},1\n{made.number},,AA3,NIX,1\n{made.number},,,{first.sku},1\n"
    several = results(preview(desk, wrong))
    assert [("left to send" in several[0]), ("NIX" in several[1]), ("tracking code" in several[2])] == [True] * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_files_as_spreadsheets_save_them(desk: Client, encoding: str, separator: str) -> None:
    made = order()
    rows = [["Número do pedido", "Transportadora", "Serviço", "Código"], [made.number, "Expresso São João", "", "AA1"]]
    text = "\r\n".join(separator.join(row) for row in rows)
    record(desk, preview(desk, text.encode(encoding)))
    assert Shipment.objects.get().carrier == "Expresso São João"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("pedido\n", "no parcels"),
        ("a;b\n1;2\n", "must name the columns"),
        ('pedido\n"x\n', "not a CSV file"),
        ("pedido;quantidade\nA;1\n", "sku"),
        ("pedido;sku;quantidade\nA;S;0\n", "Line 2"),
        ("pedido;sku;quantidade\nA;S;1,5\n", "Line 2"),
        ("pedido;sku;quantidade;codigo\nA;S;1;X\nA;S;1;X\n", "Line 3"),
        ("pedido;codigo\n;AA1\n", "Line 2"),
        ("pedido;link\nA;javascript:alert(1)\n", "Line 2"),
        (f"pedido;transportadora\nA;{'x' * 61}\n", "Line 2"),
        ("pedido;transportadora\nA;\x07\n", "Line 2"),
        ("pedido\n" + "A\n" * (parcel_sheet.MOST_PARCELS + 1), "At most"),
        ("pedido\n" + "A" * parcel_sheet.MOST_BYTES, "too large"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(desk: Client, text: str, why: str) -> None:
    answer = preview(desk, text)
    told = " ".join(str(error) for errors in answer.context["form"].errors.values() for error in errors)
    assert (answer.status_code, why in told) == (409, True), told


def test_the_orders_of_a_file_are_found_at_once(desk: Client, django_assert_max_num_queries: Any) -> None:
    unknown = "\n".join(f"X{number}" for number in range(100))
    with django_assert_max_num_queries(10):
        assert len(results(preview(desk, f"pedido\n{unknown}"))) == 100
