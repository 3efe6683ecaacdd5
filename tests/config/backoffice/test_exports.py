"""CSV exports: their contents, who may download them, and no formulas for spreadsheets."""

import csv
import io
import tracemalloc
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checkout.models import Order
from config.accounts.models import User
from config.accounts.roles import ROLES
from config.audit.models import Entry
from config.backoffice import exports
from shipping import tax_ids
from tests.support.backoffice import order, refund_of
from tests.support.factories.inventory import ProductFactory, StockFactory, WarehouseFactory
from tests.support.staff import client_of, staff_with

pytestmark = pytest.mark.django_db

LISTS = {
    "checkout_order": {"finance"},
    "payments_payment": {"finance"},
    "payments_refund": {"finance"},
    "inventory_stock": {"stock"},
    "audit_entry": {"finance"},
}


def raw(desk: Client, name: str, **query: str) -> bytes:
    answer = desk.get(reverse(f"admin:{name}_export"), query)
    assert isinstance(answer, StreamingHttpResponse), answer.status_code
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(answer)


def table(desk: Client, name: str, **query: str) -> list[dict[str, str]]:
    text = raw(desk, name, **query).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_orders_under_the_lists_filters(desk: Client) -> None:
    paid, _waiting = order(), order("action")
    (row,) = table(desk, "checkout_order", status__exact="paid")
    assert row["order number"] == paid.number
    assert row["total"] == "59.90"
    assert row["CEP"] == "01310-200"
    assert row["payment method"] == "card"
    assert {found["order number"] for found in table(desk, "checkout_order", q=paid.number)} == {paid.number}


def test_payments_and_refunds_add_up(desk: Client) -> None:
    made = order()
    refund_of(made, "5.00")
    refund_of(made, "7.00", status="failed")
    (payment,) = table(desk, "payments_payment")
    assert (payment["order"], payment["captured"], payment["paid back"]) == (made.number, str(made.total), "5.00")
    assert sorted(row["amount"] for row in table(desk, "payments_refund")) == ["5.00", "7.00"]


def test_stock_of_one_warehouse(desk: Client) -> None:
    recife = WarehouseFactory(code="recife", name="Recife")
    StockFactory(on_hand=3)
    here = StockFactory(on_hand=7, warehouse=recife)
    (row,) = table(desk, "inventory_stock", warehouse__id__exact=str(recife.pk))
    assert (row["SKU"], row["on hand"], row["can be sold"]) == (here.product.sku, "7", "7")


def test_the_audit_log(desk: Client) -> None:
    table(desk, "inventory_stock")
    rows = table(desk, "audit_entry", verb="list.export")
    assert {(row["who"], row["what"]) for row in rows} == {("chefe@example.com", "exported a list")}
    assert {row["kind of thing"] for row in rows} == {"inventory.stock", "audit.entry"}


def test_excel_in_brazil_opens_it(desk: Client) -> None:
    order()
    desk.cookies["django_language"] = "pt-br"
    file = raw(desk, "checkout_order")
    assert file.startswith(b"\xef\xbb\xbf")
    header, row = csv.reader(io.StringIO(file.decode("utf-8-sig"), newline=""), delimiter=";")
    assert "número do pedido" in header
    assert "59,90" in row
    assert "São Paulo" in row


@pytest.mark.parametrize("start", exports.FORMULA_STARTS)
def test_no_cell_is_a_formula(start: str, desk: Client) -> None:
    made = order()
    Order.objects.filter(pk=made.pk).update(name=f'{start}HYPERLINK("http://evil.example")', city=f" {start}1+1")
    (row,) = table(desk, "checkout_order")
    assert row["customer"].startswith(f"'{start}")
    assert row["city"].startswith("'")


def test_numbers_below_zero_stay_numbers() -> None:
    assert exports.cell(Decimal("-5.00"), "en") == "-5.00"
    assert exports.cell(-3, "pt-br") == "-3"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", LISTS)
def test_each_has_its_own_permission(name: str, role: str) -> None:
    person = User.objects.create(email=f"{role}@example.com", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    client = client_of(person)
    allowed = role in LISTS[name]
    assert client.get(reverse(f"admin:{name}_export")).status_code == (200 if allowed else 403)
    assert Entry.objects.filter(verb="list.export", actor=person.email).exists() == allowed
    shown = client.get(reverse(f"admin:{name}_changelist"), {"q": "x"})
    assert ("export/?q=x" in shown.content.decode()) == allowed


def test_exports_are_logged_without_the_search_text(desk: Client) -> None:
    raw(desk, "checkout_order", q="ana@example.com", status__exact="paid")
    entry = Entry.objects.get(verb="list.export")
    assert (entry.actor, entry.object_type) == ("chefe@example.com", "checkout.order")
    assert entry.after == {"q": "…", "status__exact": "paid", "with": "checkout.see_tax_id"}


def test_tax_ids_are_exported_to_those_who_may_see_them_and_the_log_says_so() -> None:
    made = order()
    (row,) = table(staff_with("checkout.view_order", "checkout.export_order", "checkout.see_tax_id"), "checkout_order")
    assert row["CPF or CNPJ"] == tax_ids.display(made.tax_id) != ""
    assert Entry.objects.get(verb="list.export").after == {"with": "checkout.see_tax_id"}
    (row,) = table(staff_with("checkout.view_order", "checkout.export_order"), "checkout_order")
    assert "CPF or CNPJ" not in row
    assert made.tax_id not in row.values()
    assert not Entry.objects.filter(verb="list.export").order_by("-id")[0].after


def test_it_reads_in_batches(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is one statement that starts after the last row of the previous one; no row is skipped."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 4)
    made = {order(products=1).number for _ in range(9)}
    answer = desk.get(reverse("admin:checkout_order_export"))
    with CaptureQueriesContext(connection) as queries:
        pieces = list(answer)
    assert len(queries) == 4  # 4 + 4 + 1 rows, and one empty batch
    text = b"".join(pieces).decode("utf-8-sig")
    assert {row["order number"] for row in csv.DictReader(io.StringIO(text, newline=""))} == made


def test_memory_does_not_grow_with_the_list(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 50)
    StockFactory.create_batch(50)

    def peak() -> int:
        answer = desk.get(reverse("admin:inventory_stock_export"))
        tracemalloc.start()
        for _piece in answer:
            pass
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak()
    small = peak()
    StockFactory.create_batch(450)
    assert peak() < small * 2
    assert len(raw(desk, "inventory_stock").splitlines()) == 501


def test_an_invalid_filter_redirects_back(desk: Client) -> None:
    answer = desk.get(reverse("admin:checkout_order_export"), {"nonsense": "1"})
    assert answer.status_code == 302


def test_names_with_commas_and_quotes_stay_one_cell(desk: Client) -> None:
    StockFactory(product=ProductFactory(name='Caneca "azul", grande\nde ágata'))
    (row,) = table(desk, "inventory_stock")
    assert row["product"] == 'Caneca "azul", grande\nde ágata'
