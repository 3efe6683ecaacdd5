"""POST carts/{id}/checkout/: each response of the contract, with a provider reached over HTTP."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.utils import timezone

from cart import services as carts
from cart.models import Cart, CartStatus
from checkout.idempotency import ABANDONED_AFTER
from checkout.models import IdempotencyKey, Order, OrderStatus
from checkout.settle import settle
from inventory.models import Product, Stock
from payments import provider
from payments.models import PaymentAttempt
from shipping.models import Quote
from tests.payments.test_pix import parse
from tests.support.api import App, assert_problem
from tests.support.factories.cart import ADDRESS, filled_cart, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

DECLINED = "pm_card_chargeDeclined"
AUTHENTICATE = "pm_card_authenticationRequired"


class TestTaxIdPolicy:
    """A cart that got its address under another TAX_ID than the one it is ordered under."""

    def test_a_cart_without_one_is_refused_once_it_is_required(self, app: App, settings: Any) -> None:
        cart = ready_cart()
        Cart.objects.update(tax_id="")
        settings.TAX_ID = "required"
        problem = assert_problem(app.check_out(cart), 422, "invalid", "tax_id")
        assert problem["errors"] == {"tax_id": ["Enter the recipient's CPF or CNPJ."]}
        assert not Order.objects.exists()
        assert Cart.objects.get().status == CartStatus.OPEN
        Cart.objects.update(tax_id="52998224725")
        assert app.check_out(cart).status_code == 201

    def test_what_a_cart_still_has_is_not_copied_once_nobody_wants_it(self, app: App, settings: Any) -> None:
        cart = ready_cart()
        assert Cart.objects.get().tax_id
        settings.TAX_ID = "off"
        assert app.check_out(cart).json()["tax_id"] == ""
        assert Order.objects.get().tax_id == ""


class TestPaid:
    def test_the_order_as_in_the_contract(self, app: App) -> None:
        cart = ready_cart([ProductFactory(sku="MUG", name="Caneca", price="19.90", stock=5)], quantity=3)
        answer = app.check_out(cart)
        assert answer.status_code == 201
        assert "Idempotent-Replayed" not in answer.headers
        order = answer.json()
        assert re.fullmatch(r"[0-9A-Z]{10}", order.pop("number"))
        assert re.fullmatch(r"[\w-]{43}", order.pop("token"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", order.pop("placed_at"))
        assert order.pop("address")["postal_code"] == "01310200"
        assert order == {
            "status": "paid",
            "currency": "BRL",
            "lines": [
                {"sku": "MUG", "name": "Caneca", "quantity": 3, "unit_price": "19.90", "line_total": "59.70"},
            ],
            "email": "ana@example.com",
            "tax_id": "***.982.247-**",
            "shipping": {"code": "flat", "name": "Flat", "price": "10.00"},
            "subtotal": "59.70",
            "shipping_total": "10.00",
            "total": "69.70",
            "payment": {"status": "paid", "method": "card", "action": None},
            "refunds": [],
            "shipments": [],
            "returns": [],
        }

    @pytest.mark.parametrize("method", ["pm_card_visa", AUTHENTICATE, "pix"])
    def test_the_response_equals_the_order_read_later(self, app: App, method: str) -> None:
        answered = app.check_out(ready_cart(3), method).json()
        assert app.get(f"orders/{answered['number']}/", order_token=answered["token"]).json() == answered

    def test_the_cart_is_closed_afterwards(self, app: App) -> None:
        cart = ready_cart()
        app.check_out(cart)
        assert app.get(f"carts/{cart.id}/").json()["status"] == "ordered"
        assert_problem(app.check_out(cart, key="key-2"), 409, "cart_closed")

    @pytest.mark.parametrize(("language", "kept"), [("en-GB,en;q=0.9", "en"), ("pt-BR", "pt-br"), ("fr", "pt-br")])
    def test_the_order_keeps_the_language(self, app: App, language: str, kept: str) -> None:
        cart = ready_cart()
        body = {"payment_method": "pm_card_visa", "expected_total": str(cart.total)}
        app.post(f"carts/{cart.id}/checkout/", body, idempotency_key="1", accept_language=language)
        assert Order.objects.get().language == kept

    def test_a_lower_total_is_passed_on(self, app: App, sandbox: Sandbox) -> None:
        cart = ready_cart()
        answer = app.check_out(cart, expected_total=str(cart.total + 5))
        assert answer.json()["total"] == str(cart.total)
        assert sandbox.ledger()["captured"] == cart.total * 100

    def test_a_signed_in_order_belongs_to_the_user(self, user: Any, users_app: App) -> None:
        number = users_app.check_out(ready_cart(user_id=user.pk)).json()["number"]
        assert users_app.get(f"orders/{number}/").status_code == 200


class TestAwaitingPayment:
    def test_three_d_secure(self, app: App) -> None:
        answer = app.check_out(ready_cart(), AUTHENTICATE)
        assert answer.status_code == 202
        assert answer.json()["status"] == "awaiting_payment"
        payment = answer.json()["payment"]
        assert (payment["status"], payment["method"]) == ("awaiting_action", "card")
        assert payment["action"] == {"type": "redirect", "url": payment["action"]["url"]}
        assert payment["action"]["url"].startswith("http")

    def test_pix(self, app: App) -> None:
        answer = app.check_out(ready_cart(), "pix")
        assert answer.status_code == 202
        payment = answer.json()["payment"]
        assert (payment["status"], payment["method"]) == ("awaiting_action", "pix")
        assert payment["action"]["type"] == "pix"
        text = parse(payment["action"]["qr_code"])
        assert (text["54"], text["53"], text["26"][:18]) == (answer.json()["total"], "986", "0014br.gov.bcb.pix")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", payment["action"]["expires_at"])

    def test_a_pix_that_is_paid_shows_on_the_order(self, app: App, sandbox: Sandbox) -> None:
        placed = app.check_out(ready_cart(), "pix").json()
        attempt = Order.objects.with_payment().get().current_attempt
        sandbox.pay_pix(attempt.provider_reference)
        settle(attempt.pk, provider.ask(attempt))
        order = app.get(f"orders/{placed['number']}/", order_token=placed["token"]).json()
        assert order["status"] == "paid"
        assert order["payment"] == {"status": "paid", "method": "pix", "action": None}

    def test_a_lost_answer(self, app: App, sandbox: Sandbox) -> None:
        cart = ready_cart()
        sandbox.fault("lost_answer")
        answer = app.check_out(cart)
        sandbox.no_faults()
        assert answer.status_code == 202
        assert answer.json()["status"] == "awaiting_payment"
        assert answer.json()["payment"] == {"status": "pending", "method": "card", "action": None}
        assert app.get(f"carts/{cart.id}/").json()["status"] == "checking_out"

    def test_the_cart_cannot_change_meanwhile(self, app: App, sandbox: Sandbox) -> None:
        cart = ready_cart()
        sandbox.fault("lost_answer")
        app.check_out(cart)
        sandbox.no_faults()
        assert_problem(app.check_out(cart, key="key-2"), 409, "checkout_in_progress")
        assert_problem(app.delete(f"carts/{cart.id}/lines/{cart.lines[0].sku}/"), 409, "checkout_in_progress")


class TestRefused:
    def test_without_a_key(self, app: App) -> None:
        cart = ready_cart()
        body = {"payment_method": "pm_card_visa", "expected_total": str(cart.total)}
        path = f"carts/{cart.id}/checkout/"
        assert_problem(app.post(path, body, idempotency_key=""), 400, "idempotency_key_required")
        assert_problem(app.post(path, body), 400, "idempotency_key_required")
        assert_problem(app.post(path, {}), 400, "idempotency_key_required")

    @pytest.mark.parametrize("key", ["k" * 256, "k\0"])
    def test_with_a_key_that_cannot_be_kept(self, app: App, key: str) -> None:
        problem = assert_problem(app.check_out(ready_cart(), key=key), 400, "idempotency_key_invalid")
        assert "at most 255 characters" in problem["detail"]
        assert app.check_out(ready_cart(), key="k" * 255).status_code == 201

    def test_declined(self, app: App) -> None:
        cart = ready_cart()
        answer = app.check_out(cart, DECLINED)
        assert_problem(answer, 402, "payment_declined")
        assert "Idempotent-Replayed" not in answer.headers
        again = app.get(f"carts/{cart.id}/").json()
        assert (again["status"], again["total"]) == ("open", str(cart.total))
        assert app.check_out(cart, key="key-2").status_code == 201

    def test_declined_in_portuguese(self, app: App) -> None:
        cart = ready_cart()
        body = {"payment_method": DECLINED, "expected_total": str(cart.total)}
        path = f"carts/{cart.id}/checkout/"
        answer = app.post(path, body, idempotency_key="1", accept_language="pt-BR")
        assert answer.headers["Content-Language"] == "pt-br"
        assert_problem(answer, 402, "payment_declined")

    def test_the_banks_reason_is_not_exposed(self, app: App) -> None:
        assert "decline_code" not in app.check_out(ready_cart(), DECLINED).json()

    def test_insufficient_stock(self, app: App) -> None:
        cart = ready_cart([ProductFactory(sku="MUG", stock=5)], quantity=5)
        Stock.objects.update(on_hand=3)
        problem = assert_problem(app.check_out(cart), 409, "insufficient_stock")
        assert problem["shortages"] == [{"sku": "MUG", "requested": 5, "available": 3}]

    def test_price_changed(self, app: App, sandbox: Sandbox) -> None:
        cart = ready_cart()
        Product.objects.update(price=Decimal("59.90"))
        problem = assert_problem(app.check_out(cart), 409, "price_changed")
        assert (problem["expected_total"], problem["total"]) == ("59.90", "69.90")
        assert sandbox.ledger()["captured"] == 0
        assert app.check_out(cart, expected_total="69.90").status_code == 201

    def test_shipping_quote_expired(self, app: App) -> None:
        cart = ready_cart()
        past = timezone.now() - timedelta(minutes=1)
        Quote.objects.update(created_at=past - timedelta(minutes=30), expires_at=past)
        problem = assert_problem(app.check_out(cart), 409, "shipping_quote_expired")
        assert problem["reason"] == "expired"

    def test_cart_empty(self, app: App) -> None:
        cart = app.post("carts/").json()
        assert_problem(app.check_out(cart), 409, "cart_empty")

    def test_cart_closed(self, app: App) -> None:
        cart = ready_cart()
        Cart.objects.update(status=CartStatus.MERGED)
        assert_problem(app.check_out(cart), 409, "cart_closed")

    def test_address_required(self, app: App) -> None:
        assert_problem(app.check_out(filled_cart()), 409, "address_required")

    def test_shipping_required(self, app: App) -> None:
        flat_shipping()
        cart = filled_cart()
        carts.set_delivery(cart.id, email="ana@example.com", phone="", address=ADDRESS)
        assert_problem(app.check_out(cart), 409, "shipping_required")

    def test_payment_unavailable(self, app: App, sandbox_process: Any) -> None:
        cart = ready_cart()
        sandbox_process().kill()
        answer = app.check_out(cart)
        assert_problem(answer, 503, "payment_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert app.get(f"carts/{cart.id}/").json()["status"] == "open"

    def test_an_unknown_cart(self, app: App) -> None:
        assert_problem(app.check_out({"id": "A" * 43, "total": "1.00"}), 404, "not_found")

    @pytest.mark.parametrize(
        "total",
        ["", "-1.00", "1.234", "1,00", "1e3", "NaN", "R$ 1.00", "٣.00", "9" * 20, 10.0, 10, True, None, ["1.00"]],
    )
    def test_a_total_is_a_string_with_two_decimals(self, app: App, total: Any) -> None:
        cart = app.post("carts/").json()
        assert_problem(app.check_out(cart, expected_total=total), 422, "invalid", "expected_total")

    @pytest.mark.parametrize(
        "method", ["", "4242424242424242", "visa", "pm_", "pm_" + "x" * 300, 1, None, ["pix"], "p\0"]
    )
    def test_a_payment_method_is_a_token(self, app: App, method: Any) -> None:
        answer = app.check_out(app.post("carts/").json(), method)
        assert_problem(answer, 422, "invalid", "payment_method")
        assert "4242" not in answer.content.decode()

    def test_an_unknown_field(self, app: App) -> None:
        assert_problem(app.check_out(ready_cart(), card_number="4242"), 422, "invalid", "card_number")


class TestRepeated:
    def test_the_first_response_is_replayed(self, app: App, sandbox: Sandbox) -> None:
        cart = ready_cart()
        first, again = app.check_out(cart), app.check_out(cart)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"
        assert sandbox.ledger()["captured"] == cart.total * 100
        assert Order.objects.count() == 1

    def test_another_notation_of_the_total_is_the_same_body(self, app: App) -> None:
        product = ProductFactory(price="50.00", stock=1)
        cart = ready_cart([product])
        app.check_out(cart, expected_total="60.00")
        assert app.check_out(cart, expected_total="60").headers["Idempotent-Replayed"] == "true"

    def test_a_declined_card_stays_declined(self, app: App) -> None:
        cart = ready_cart()
        first, again = app.check_out(cart, DECLINED), app.check_out(cart, DECLINED)
        assert_problem(again, 402, "payment_declined")
        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"

    def test_the_key_with_another_body(self, app: App) -> None:
        cart = ready_cart()
        app.check_out(cart, DECLINED)
        assert_problem(app.check_out(cart, "pm_card_visa"), 422, "idempotency_key_reused")
        answer = app.check_out(cart, DECLINED, expected_total="999.00")
        assert_problem(answer, 422, "idempotency_key_reused")

    def test_another_cart_may_use_the_key(self, app: App) -> None:
        assert app.check_out(ready_cart()).status_code == 201
        assert app.check_out(ready_cart()).status_code == 201

    def test_a_refusal_without_effect_frees_the_key(self, app: App) -> None:
        cart = ready_cart([ProductFactory(stock=5)], quantity=5)
        Stock.objects.update(on_hand=3)
        assert_problem(app.check_out(cart), 409, "insufficient_stock")
        Stock.objects.update(on_hand=5)
        assert app.check_out(cart).status_code == 201

    def test_while_the_first_is_running(self, app: App) -> None:
        cart = ready_cart()
        app.check_out(cart)
        IdempotencyKey.objects.update(response_status=None, response_body=None)
        assert_problem(app.check_out(cart), 409, "checkout_in_progress")

    def test_after_a_crash_the_order_is_found(self, app: App, sandbox: Sandbox) -> None:
        """The first request paid, and died before it could store its response."""
        cart = ready_cart()
        first = app.check_out(cart).json()
        long_ago = timezone.now() - ABANDONED_AFTER * 2
        IdempotencyKey.objects.update(response_status=None, response_body=None, started_at=long_ago)
        again = app.check_out(cart)
        assert (again.status_code, again.json()) == (201, first)
        assert app.check_out(cart).headers["Idempotent-Replayed"] == "true"
        assert sandbox.ledger()["captured"] == cart.total * 100

    def test_after_a_crash_before_the_order_it_is_placed(self, app: App, monkeypatch: Any) -> None:
        cart = ready_cart()
        with monkeypatch.context() as patch:
            patch.setattr("checkout.place_order.payments.open_payment", Mock(side_effect=OSError("The process died.")))
            assert app.check_out(cart).status_code == 500
        IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER * 2)
        assert app.check_out(cart).status_code == 201

    def test_after_a_crash_a_declined_card_is_not_charged_again(self, app: App) -> None:
        """The bank declined, and the process died before it could store that response."""
        cart = ready_cart()
        first = app.check_out(cart, DECLINED).json()
        long_ago = timezone.now() - ABANDONED_AFTER * 2
        IdempotencyKey.objects.update(response_status=None, response_body=None, started_at=long_ago)
        again = app.check_out(cart, DECLINED)
        assert (again.status_code, again.json()) == (402, first)
        assert PaymentAttempt.objects.count() == 1

    @pytest.mark.parametrize(("method", "status", "stands"), [(DECLINED, 402, "declined"), ("pix", 202, "action")])
    def test_a_request_overtaken_by_its_retry_orders_nothing(
        self, app: App, monkeypatch: Any, method: str, status: int, stands: str
    ) -> None:
        """The first request stalls until its retry has been answered, and then goes on."""
        cart, repeats = ready_cart(), list[Any]()

        @contextmanager
        def be_slow(*_name_and_lease: Any) -> Iterator[bool]:
            monkeypatch.setattr("checkout.place_order.redis_lock", lambda *_: nullcontext(True))
            IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER * 2)
            repeats.append(App().check_out(cart, method))
            yield True

        monkeypatch.setattr("checkout.place_order.redis_lock", be_slow)
        assert_problem(app.check_out(cart, method), 409, "checkout_in_progress")
        assert repeats[0].status_code == status
        assert PaymentAttempt.objects.get().status == stands
        assert app.check_out(cart, method).json() == repeats[0].json()

    def test_after_a_crash_during_the_provider_call(self, app: App, sandbox: Sandbox, monkeypatch: Any) -> None:
        """Retries wait while the call may still be in flight; after that the provider is asked for the outcome."""
        cart = ready_cart()
        with monkeypatch.context() as patch:
            patch.setattr("checkout.place_order.settle", Mock(side_effect=OSError("The process died.")))
            assert app.check_out(cart).status_code == 500
        long_ago = timezone.now() - ABANDONED_AFTER * 2
        IdempotencyKey.objects.update(started_at=long_ago)
        assert_problem(app.check_out(cart), 409, "checkout_in_progress")
        PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(seconds=20))
        IdempotencyKey.objects.update(started_at=long_ago)
        assert app.check_out(cart).json()["status"] == "paid"
        assert sandbox.ledger()["captured"] == cart.total * 100

    @pytest.mark.parametrize("keys", ["the same key", "a key each"])
    def test_many_at_once_make_one_order(self, sandbox: Sandbox, keys: str) -> None:
        cart = ready_cart()

        def pay(number: int) -> tuple[int, str]:
            try:
                key = "key" if keys == "the same key" else f"key-{number}"
                answer = App().check_out(cart, key=key)
                return answer.status_code, answer.json().get("code", "")
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(pay, range(16)))
        assert (201, "") in answers
        assert answers <= {(201, ""), (409, "checkout_in_progress"), (409, "cart_closed")}
        assert Order.objects.filter(status=OrderStatus.PAID).count() == 1
        assert sandbox.ledger()["captured"] == cart.total * 100
