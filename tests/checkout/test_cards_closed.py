"""Whoever tries cards is stopped: by cart, by person and by network; Pix stays open, and so does the cart."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cart import services, session
from cart.models import Cart
from cart.snapshot import CartSnapshot
from checkout.models import Order
from tests.support.api import App, assert_problem
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.pages import Page, Visitor

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox", "static_files_from_apps"),
]  # fmt: skip

DECLINED, GOOD = "pm_card_chargeDeclined", "pm_card_visa"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.CARD_DECLINES_PER_CART = 2
    settings.CARD_DECLINES_PER_PERSON = 3
    settings.RATE_LIMITS = {}


def decline(app: App, cart: CartSnapshot, times: int) -> None:
    for number in range(times):
        answer = app.check_out(cart, DECLINED, key=f"declined-{number}")
        assert answer.status_code == 402, (number, answer.json())


def cart_of(email: str, user_id: int | None = None) -> CartSnapshot:
    cart = ready_cart(user_id=user_id)
    Cart.objects.filter(token=cart.id).update(email=email)
    return cart


class TestOneCart:
    def test_cards_are_closed_and_pix_is_open(self, app: App) -> None:
        cart = ready_cart()
        decline(app, cart, 2)
        refused = app.check_out(cart, GOOD, key="next")
        assert_problem(refused, 409, "cards_closed")
        assert refused.json()["instead"] == "pix"
        assert 86_000 < int(refused["Retry-After"]) <= 86_400
        assert Order.objects.count() == 2
        assert app.check_out(cart, "pix", key="pix").status_code == 202

    def test_it_holds_without_redis(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        from redis.exceptions import ConnectionError as RedisConnectionError

        def down(*_args: object, **_options: object) -> None:
            raise RedisConnectionError

        for module in ("config.rate_limits", "config.cache", "config.db.locks"):
            monkeypatch.setattr(f"{module}.get_redis_connection", down, raising=False)
        cart = ready_cart()
        decline(app, cart, 2)
        assert app.check_out(cart, GOOD, key="next").json()["code"] == "cards_closed"

    def test_declines_are_forgotten_a_day_after_the_last(self, app: App) -> None:
        cart = ready_cart()
        decline(app, cart, 2)
        Cart.objects.update(card_declined_at=timezone.now() - timedelta(hours=25))
        Order.objects.update(placed_at=timezone.now() - timedelta(hours=25))
        assert app.check_out(cart, DECLINED, key="one more").status_code == 402
        assert Cart.objects.get(token=cart.id).card_declines == 1
        assert app.check_out(cart, GOOD, key="good").status_code == 201

    def test_an_abandoned_pix_is_no_decline(self, app: App) -> None:
        cart = ready_cart()
        for number in range(3):
            assert app.check_out(cart, "pix", key=f"pix-{number}").status_code == 202
        assert app.check_out(cart, GOOD, key="card").status_code == 201

    def test_signing_in_opens_nothing(self, app: App) -> None:
        cart = ready_cart()
        decline(app, cart, 2)
        user = UserFactory()
        claimed = App(user).post(f"carts/{cart.id}/claim/").json()
        mine = Cart.objects.get(token=claimed["id"])
        assert mine.card_declines == 2
        assert mine.cards_closed_until > timezone.now()

    def test_the_cart_says_so_to_readers_at_once(self, app: App) -> None:
        cart = ready_cart()
        decline(app, cart, 1)
        assert not services.snapshot.load(cart.id, None).cards_closed
        decline_again = app.check_out(cart, DECLINED, key="second")
        assert decline_again.status_code == 402
        assert services.snapshot.load(cart.id, None).cards_closed


class TestOnePerson:
    def test_a_guests_e_mail_counts_across_carts_whatever_its_case(self, app: App) -> None:
        for email in ("ana@example.com", "ANA@example.com", "Ana@Example.com"):
            decline(app, cart_of(email), 1)
        assert app.check_out(cart_of("ana@EXAMPLE.com"), GOOD).json()["code"] == "cards_closed"
        assert app.check_out(cart_of("rui@example.com"), GOOD).status_code == 201

    def test_strangers_do_not_close_the_cards_of_an_account(self, app: App) -> None:
        user = UserFactory(email="ana@example.com")
        for _number in range(3):
            decline(app, cart_of("ana@example.com"), 1)
        assert App(user).check_out(cart_of("ana@example.com", user.pk), GOOD).status_code == 201

    def test_an_account_counts_whatever_e_mail_is_typed(self) -> None:
        user = UserFactory()
        app = App(user)
        for number in range(3):
            decline_cart = cart_of(f"{number}@example.com", user.pk)
            assert app.check_out(decline_cart, DECLINED, key=str(number)).status_code == 402
            Cart.objects.update(card_declines=0, card_declined_at=None)
        assert app.check_out(cart_of("x@example.com", user.pk), GOOD, key="x").json()["code"] == "cards_closed"

    def test_old_declines_do_not_count(self, app: App) -> None:
        for _number in range(3):
            decline(app, cart_of("ana@example.com"), 1)
        Order.objects.update(placed_at=timezone.now() - timedelta(hours=25))
        assert app.check_out(cart_of("ana@example.com"), GOOD).status_code == 201


class TestOneNetwork:
    @pytest.fixture(autouse=True)
    def two_an_hour(self, settings: Any) -> None:
        settings.RATE_LIMITS = {"declines": "2/d"}

    def test_new_carts_and_e_mails_do_not_help(self, app: App) -> None:
        for number in range(2):
            decline(app, cart_of(f"{number}@example.com"), 1)
        assert app.check_out(cart_of("x@example.com"), GOOD).json()["code"] == "cards_closed"
        assert app.check_out(cart_of("y@example.com"), "pix").status_code == 202

    def test_good_cards_do_not_count(self, app: App) -> None:
        for number in range(4):
            assert app.check_out(cart_of(f"{number}@example.com"), GOOD).status_code == 201


class TestThePage:
    @pytest.fixture
    def cart(self) -> CartSnapshot:
        return ready_cart()

    @pytest.fixture
    def shopper(self, cart: CartSnapshot) -> Visitor:
        visitor = Visitor()
        signer = signing.get_cookie_signer(salt=session.COOKIE + session.SALT)
        visitor.client.cookies[session.COOKIE] = signer.sign(cart.id)
        return visitor

    def pay(self, shopper: Visitor, token: str = DECLINED) -> Page:
        page = shopper.open("/checkout/")
        return page.send("/checkout/pay/", method="card", payment_method=token)

    def test_says_so_with_the_last_decline_and_from_then_on(self, shopper: Visitor) -> None:
        first = self.pay(shopper)
        assert "card-fields" in first.html
        second = self.pay(shopper)
        assert second.status == 402
        for page in (second, shopper.open("/checkout/")):
            assert "card-fields" not in page.html
            assert 'value="card" disabled' in page.html
            assert page.form("/checkout/pay/").fields["method"] == "pix"
        assert "cards are closed for now" in shopper.open("/checkout/").html
        assert shopper.open("/checkout/").send("/checkout/pay/").url.startswith("/orders/")

    def test_an_old_tab_gets_the_page_with_pix_chosen(self, shopper: Visitor) -> None:
        tab = shopper.open("/checkout/")
        self.pay(shopper)
        self.pay(shopper)
        page = tab.send("/checkout/pay/", method="card", payment_method=GOOD)
        assert page.status == 409
        assert "You can pay with Pix" in page.html
        assert page.form("/checkout/pay/").fields["method"] == "pix"
        assert int(page.response["Retry-After"]) > 86_000
        assert Order.objects.filter(status="paid").count() == 0

    def test_deleting_the_cookies_does_not_help(self, shopper: Visitor, settings: Any) -> None:
        """The e-mail and the network still count."""
        settings.RATE_LIMITS = {"declines": "2/d"}
        self.pay(shopper)
        self.pay(shopper)
        fresh = Visitor()
        other = cart_of("somebody@example.com")
        signer = signing.get_cookie_signer(salt=session.COOKIE + session.SALT)
        fresh.client.cookies[session.COOKIE] = signer.sign(other.id)
        assert self.pay(fresh, GOOD).status == 409

    def test_is_portuguese_too(self, cart: CartSnapshot, app: App) -> None:
        decline(app, cart, 2)
        client = Client(headers={"accept-language": "pt-BR"})
        signer = signing.get_cookie_signer(salt=session.COOKIE + session.SALT)
        client.cookies[session.COOKIE] = signer.sign(cart.id)
        assert "Vários cartões foram recusados" in client.get("/checkout/").text


def test_the_count_has_no_statement_of_its_own(app: App) -> None:
    """It rides along with the statement that locks the cart, and finds its rows by index."""
    cart = ready_cart()
    with CaptureQueriesContext(connection) as captured:
        app.check_out(cart, GOOD)
    counting = [query["sql"] for query in captured.captured_queries if "declines_of_person" in query["sql"]]
    assert len(counting) == 1
    assert "FOR UPDATE" in counting[0]
