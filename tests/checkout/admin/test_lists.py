"""Every list and page of the admin: it opens, shows what it should, and its statements do not grow with the rows."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.sites import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cart.models import Cart
from checkout.models import Order, Policy, PolicyPage
from checkout.services import mark_shipped
from inventory.models import Reservation, Stock
from payments.models import Payment, PaymentAttempt, Refund, StrayCharge, WebhookEvent
from tests.support.backoffice import attempt_of, dispute_of, order, page_of, refund_of
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.factories.inventory import CategoryFactory, ProductFactory, WarehouseFactory
from tests.support.factories.shipping import QuoteFactory, ShippingMethodFactory, ShippingRateFactory
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db


def products(number: int) -> None:
    for _ in range(number):
        ProductFactory(stock={"principal": 3, "recife": 2}, category=CategoryFactory())


def stocks(number: int) -> None:
    for _ in range(number):
        ProductFactory(stock=3, category=CategoryFactory())


def orders(number: int) -> None:
    for _ in range(number):
        order(products=2)


def carts(number: int) -> None:
    for _ in range(number):
        filled_cart(3)


def events(number: int) -> None:
    for _ in range(number):
        event_of(attempt_of(order()))


def event_of(attempt: PaymentAttempt) -> WebhookEvent:
    return WebhookEvent.objects.create(
        provider="stripe",
        event_id=f"evt_{WebhookEvent.objects.count()}",
        type="payment_intent.succeeded",
        payload={"id": "evt"},
        provider_reference=attempt.provider_reference,
    )


def refunds(number: int) -> None:
    for _ in range(number):
        refund_of(order())


def unmatched(number: int) -> None:
    for _ in range(number):
        name = f"pi_unmatched_{StrayCharge.objects.count()}"
        StrayCharge.objects.create(provider="stripe", provider_reference=name, amount="10.00", currency="BRL")


def rates(number: int) -> None:
    for _ in range(number):
        ShippingRateFactory()


def entries(number: int) -> None:
    for _ in range(number):
        mark_shipped(order(), by=UserFactory(is_staff=True))


def disputed(number: int) -> None:
    for made in (order() for _ in range(number)):
        dispute_of(made)


def texts(number: int) -> None:
    """There are six at most."""
    Policy.objects.all().delete()
    known = [(page, language) for page in PolicyPage.values for language in ("en", "pt-br")]
    Policy.objects.bulk_create(Policy(page=page, language=language) for page, language in known[:number])


LISTS: dict[str, Callable[[int], None]] = {
    "inventory_product": products,
    "inventory_category": lambda number: [CategoryFactory() for _ in range(number)],
    "inventory_warehouse": lambda number: [WarehouseFactory(code=f"w{n}-{number}") for n in range(number)],
    "inventory_stock": stocks,
    "inventory_reservation": orders,
    "shipping_shippingmethod": lambda number: [ShippingMethodFactory() for _ in range(number)],
    "shipping_shippingrate": rates,
    "shipping_quote": lambda number: [QuoteFactory() for _ in range(number)],
    "cart_cart": carts,
    "checkout_order": orders,
    "checkout_outboxmessage": orders,
    "checkout_policy": texts,
    "payments_payment": orders,
    "payments_paymentattempt": orders,
    "payments_refund": refunds,
    "payments_webhookevent": events,
    "audit_entry": entries,
    "payments_straycharge": unmatched,
    "payments_dispute": disputed,
}


OVERVIEW = ["/admin/", "/admin/money/", "/admin/breakers/", "/admin/cache/", "/admin/cache/product/drop/"]


def statements(desk: Client, url: str) -> int:
    """Statements of a page once the session and the content types are cached."""
    assert desk.get(url).status_code == 200
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert desk.get(url).status_code == 200
    return len(queries)


def test_every_list_is_covered() -> None:
    ours = ("inventory", "shipping", "cart", "checkout", "payments", "audit")
    registered = {f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry}
    assert {name for name in registered if name.startswith(ours)} == set(LISTS)


@pytest.mark.parametrize("name", LISTS)
def test_statements_of_a_list_do_not_grow_with_the_rows(name: str, desk: Client) -> None:
    url = reverse(f"admin:{name}_changelist")
    LISTS[name](2)
    few = statements(desk, url)
    LISTS[name](18)
    assert statements(desk, url) == few


class TestOrderPage:
    def grown(self, number: int) -> Order:
        """An order with `number` lines, attempts, refunds, events and staff messages."""
        made = order(products=number)
        attempt = attempt_of(made)
        for _ in range(number):
            refund_of(made, "0.01")
            event_of(attempt)
        return made

    def test_statements_do_not_grow_with_the_lines(self, desk: Client) -> None:
        small, large = self.grown(2), self.grown(20)
        few = statements(desk, page_of(small))
        assert statements(desk, page_of(large)) == few
        assert few <= 20

    def test_shows_the_whole_order(self, desk: Client) -> None:
        made = self.grown(2)
        page = desk.get(page_of(made)).content.decode()
        for line in made.lines.all():
            assert line.name in page
            assert line.sku in page
        assert f"pi_{made.number}" in page
        assert "payment_intent.succeeded" in page
        assert "scratched" in page
        assert "Order confirmation" in page
        assert "R$" in page
        assert "01310-200" in page
        assert "(11) 98765-4321" in page

    def test_times_are_in_the_shops_time_zone(self, desk: Client) -> None:
        made = order()
        Order.objects.filter(pk=made.pk).update(placed_at="2026-03-02T02:30:00Z")
        assert "03/01/2026 11:30 p.m." in desk.get(page_of(made)).content.decode()

    def test_agreed_terms_are_read_only(self, desk: Client) -> None:
        made = order()
        assert desk.post(page_of(made), {"total": "1.00", "status": "delivered"}).status_code in (200, 405)
        after = Order.objects.get(pk=made.pk)
        assert (after.total, after.status) == (made.total, made.status)
        assert desk.get(reverse("admin:checkout_order_add")).status_code == 403
        assert desk.post(reverse("admin:checkout_order_delete", args=[made.pk])).status_code == 403

    def test_an_unknown_order_redirects_home(self, desk: Client) -> None:
        assert desk.get(reverse("admin:checkout_order_change", args=[999_999])).status_code == 302
        assert desk.get("/admin/checkout/order/no-number/change/").status_code == 302

    def test_its_number_redirects_to_it(self, desk: Client) -> None:
        made = order()
        url = reverse("admin:checkout_order_by_number", args=[made.number.lower()])
        assert desk.get(url)["Location"] == page_of(made)
        assert desk.get(reverse("admin:checkout_order_by_number", args=["NOSUCH0000"])).status_code == 404

    def test_view_permission_alone_shows_no_buttons(self) -> None:
        made = order()
        page = staff_with("checkout.view_order").get(page_of(made)).content.decode()
        assert made.number in page
        assert "Refund…" not in page
        assert made.token not in page

    def test_requires_view_permission(self) -> None:
        made = order()
        unauthorized = staff_with("inventory.view_product")
        assert unauthorized.get(page_of(made)).status_code == 403
        assert unauthorized.get(reverse("admin:checkout_order_by_number", args=[made.number])).status_code == 403


class TestFindingOrders:
    def found(self, desk: Client, **query: str) -> set[str]:
        answer = desk.get(reverse("admin:checkout_order_changelist"), query)
        assert answer.status_code == 200
        return {made.number for made in answer.context["cl"].result_list}

    @pytest.fixture
    def two(self) -> tuple[Order, Order]:
        wanted, other = order(), order()
        Order.objects.filter(pk=other.pk).update(email="zeca@example.org", name="Zeca Lima", postal_code="69005010")
        return wanted, other

    @pytest.mark.parametrize(
        "text",
        [
            lambda made: made.number.lower(),
            lambda made: "ANA@example",
            lambda made: "ana souza",
            lambda made: "01310-200",
            lambda made: "01310200",
            lambda made: made.lines.get().sku,
            lambda made: f"pi_{made.number}",
        ],
        ids=["number", "e-mail", "name", "CEP with dash", "CEP", "SKU", "provider reference"],
    )
    def test_by(self, text: Callable[[Order], str], desk: Client, two: tuple[Order, Order]) -> None:
        assert self.found(desk, q=text(two[0])) == {two[0].number}

    def test_by_refund_reference(self, desk: Client, two: tuple[Order, Order]) -> None:
        Refund.objects.filter(pk=refund_of(two[0]).pk).update(provider_reference="re_7")
        assert self.found(desk, q="re_7") == {two[0].number}

    def test_by_text_without_a_match(self, desk: Client, two: tuple[Order, Order]) -> None:
        assert self.found(desk, q="nobody at all") == set()

    def test_by_long_waiting_time(self, desk: Client) -> None:
        old, young = order("action"), order("action")
        paid = order()
        Order.objects.filter(pk__in=[old.pk, paid.pk]).update(placed_at=timezone.now() - timedelta(hours=2))
        assert self.found(desk, awaiting="60") == {old.number}
        assert self.found(desk, awaiting="1440") == set()
        assert self.found(desk, status__exact="awaiting_payment") == {old.number, young.number}

    def test_by_payment(self, desk: Client) -> None:
        card, pix = order(), order("action", payment_method="pix")
        assert self.found(desk, payment__method__exact="pix") == {pix.number}
        assert self.found(desk, payment__status__exact="paid") == {card.number}

    def test_by_cart(self, desk: Client, two: tuple[Order, Order]) -> None:
        assert self.found(desk, cart=str(two[0].cart_id)) == {two[0].number}


class TestCarts:
    def test_statements_of_a_page_do_not_grow_with_the_lines(self, desk: Client) -> None:
        urls = [
            reverse("admin:cart_cart_change", args=[Cart.objects.get(token=filled_cart(number).id).pk])
            for number in (2, 20)
        ]
        few, many = (statements(desk, url) for url in urls)
        assert many == few

    def test_a_page_shows_the_totals_and_hides_the_token(self, desk: Client) -> None:
        made = filled_cart([ProductFactory(price="10.00", stock=9), ProductFactory(price="2.50", stock=9)], quantity=2)
        cart = Cart.objects.get(token=made.id)
        page = desk.get(reverse("admin:cart_cart_change", args=[cart.pk])).content.decode()
        assert "R$\u00a025.00" in page
        assert cart.token[:8] in page
        assert cart.token not in page

    def test_search_and_filters(self, desk: Client) -> None:
        empty, full = Cart.objects.create(email="bia@example.com"), Cart.objects.get(token=filled_cart(2).id)
        Cart.objects.filter(pk=empty.pk).update(updated_at=timezone.now() - timedelta(days=8))

        def found(**query: str) -> set[int]:
            answer = desk.get(reverse("admin:cart_cart_changelist"), query)
            return {cart.pk for cart in answer.context["cl"].result_list}

        assert found(q="bia@") == {empty.pk}
        assert found(q=full.token[:8]) == {full.pk}
        assert found(touched="old") == {empty.pk}
        assert found(touched="hour") == {full.pk}
        assert found(contents="some") == {full.pk}
        assert found(contents="none") == {empty.pk}
        assert found(status__exact="merged") == set()

    def test_abandoned_carts_by_step(self, desk: Client) -> None:
        """Carts with items that have been idle for a while, at any step, and no others."""
        goods = Cart.objects.get(token=filled_cart([ProductFactory(price="150.00", stock=9)]).id)
        delivery = Cart.objects.get(token=ready_cart(1).id)
        address = Cart.objects.get(token=ready_cart(1).id)
        Cart.objects.filter(pk=address.pk).update(quote=None)
        begun, ordered, empty = order("action").cart, order().cart, Cart.objects.create()
        young = Cart.objects.get(token=filled_cart(1).id)
        Cart.objects.exclude(pk=young.pk).update(updated_at=timezone.now() - timedelta(hours=2))

        def found(**query: str) -> set[int]:
            answer = desk.get(reverse("admin:cart_cart_changelist"), query)
            return {cart.pk for cart in answer.context["cl"].result_list}

        assert found(abandoned="hour") == {goods.pk, delivery.pk, address.pk, begun.pk}
        assert found(abandoned="day") == set()
        for step, carts in (("goods", {goods}), ("address", {address}), ("delivery", {delivery, begun})):
            assert found(abandoned="hour", step=step) == {cart.pk for cart in carts}
        assert found(abandoned="hour", worth="100") == {goods.pk}
        assert ordered.pk in found(step="delivery")
        assert empty.pk in found()
        assert desk.get("/admin/abandoned_carts/")["Location"].endswith("?abandoned=hour")

    def test_orders_with_an_abandoned_payment(self, desk: Client) -> None:
        """Recently failed orders whose cart is still open; none whose shopper is paying, or has paid since."""
        declined, paid_since, long_ago = order("declined"), order("declined"), order("declined")
        order(), order("action")
        Cart.objects.filter(pk=paid_since.cart_id).update(status="ordered")
        Order.objects.filter(pk=long_ago.pk).update(placed_at=timezone.now() - timedelta(hours=2))
        answer = desk.get(reverse("admin:checkout_order_changelist"), {"given_up": "hour"})
        assert [row.pk for row in answer.context["cl"].result_list] == [declined.pk]

    def test_carts_are_read_only(self, desk: Client) -> None:
        cart = Cart.objects.create()
        assert desk.get(reverse("admin:cart_cart_add")).status_code == 403
        assert desk.post(reverse("admin:cart_cart_delete", args=[cart.pk])).status_code == 403


class TestMoney:
    def test_payment_pages_open_and_link_to_the_order(self, desk: Client) -> None:
        made = order()
        refund, event = refund_of(made), event_of(attempt_of(made))
        rows = [("payment", made.payment_id), ("paymentattempt", attempt_of(made).pk)]
        rows += [("refund", refund.pk), ("webhookevent", event.pk)]
        for model, key in rows:
            page = desk.get(reverse(f"admin:payments_{model}_change", args=[key])).content.decode()
            assert reverse("admin:checkout_order_by_number", args=[made.number]) in page, model

    def test_the_card_token_is_never_shown(self, desk: Client) -> None:
        attempt = attempt_of(order())
        pages = [
            page_of(Order.objects.get()),
            reverse("admin:payments_paymentattempt_change", args=[attempt.pk]),
            reverse("admin:payments_payment_change", args=[attempt.payment_id]),
        ]
        for url in pages:
            assert attempt.method_token not in desk.get(url).content.decode()

    def test_long_open_attempts(self, desk: Client) -> None:
        old, _young = attempt_of(order("unknown")), order("unknown")
        PaymentAttempt.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(minutes=10))
        answer = desk.get(reverse("admin:payments_paymentattempt_changelist"), {"open": "5"})
        assert [row.pk for row in answer.context["cl"].result_list] == [old.pk]

    def test_payments_are_read_only(self, desk: Client) -> None:
        made = order()
        url = reverse("admin:payments_payment_change", args=[made.payment_id])
        assert desk.post(url, {"amount": "1.00"}).status_code == 403
        assert Payment.objects.get().amount == made.total


def test_reservations_by_active_or_expired(desk: Client) -> None:
    live, expired = order("action"), order("action")
    order()
    Reservation.objects.filter(reference=expired.number).update(expires_at=timezone.now() - timedelta(minutes=1))

    def found(hold: str) -> list[str]:
        answer = desk.get(reverse("admin:inventory_reservation_changelist"), {"hold": hold})
        return [row.reference for row in answer.context["cl"].result_list]

    assert found("live") == [live.number]
    assert found("expired") == [expired.number]


def test_statements_of_a_stock_page_do_not_grow_with_the_holds(desk: Client) -> None:
    few_held, many_held = ProductFactory(stock=30), ProductFactory(stock=30)
    for product, number in ((few_held, 2), (many_held, 20)):
        for _ in range(number):
            order("action", [product])
    urls = [
        reverse("admin:inventory_stock_change", args=[Stock.objects.get(product=product).pk])
        for product in (few_held, many_held)
    ]
    few, many = (statements(desk, url) for url in urls)
    assert many == few


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_both_languages(language: str, desk: Client) -> None:
    desk.cookies["django_language"] = language
    made = order()
    page = desk.get(page_of(made)).content.decode()
    assert f'<html lang="{language}"' in page
    assert ("R$\u00a059,90" if language == "pt-br" else "R$\u00a059.90") in page


def test_no_page_needs_an_inline_style_or_script(desk: Client) -> None:
    """The content security policy forbids them, and a browser drops them silently."""
    made = order()
    names = [reverse(f"admin:{name}_changelist") for name in LISTS]
    for url in [*names, page_of(made), reverse("admin:inventory_product_add"), *OVERVIEW]:
        page = desk.get(url).content.decode()
        assert "<style" not in page, url
        assert " style=" not in page, url
        assert "<script>" not in page, url
