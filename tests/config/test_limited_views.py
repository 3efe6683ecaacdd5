"""Every view that takes an unsafe method is under a limit: the URL conf is walked, and none can be without."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, path, reverse

from config.api.throttling import Throttle
from config.middleware import RateLimits
from config.rate_limits import limit_of
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.pages import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]

EXEMPT = {"stripe_webhook", "melhor_envio_webhook"}


def views(resolver: URLResolver | None = None) -> Iterator[tuple[str, Callable[..., Any]]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            yield entry.name or str(entry.pattern), entry.callback
        else:
            yield from views(entry)


VIEWS = list(views())


def test_the_walk_finds_every_kind() -> None:
    names = {name for name, _view in VIEWS}
    assert {"pay", "add", "sign_in", "checkout", "login", "set_language", "orders", *EXEMPT} <= names
    assert len(VIEWS) > 100


def test_only_what_is_listed_here_is_exempt_and_says_why() -> None:
    exempt = {name: limit_of(view).exempt for name, view in VIEWS if limit_of(view).exempt}
    assert set(exempt) == EXEMPT
    assert all(exempt.values())


@pytest.mark.parametrize(("name", "view"), [(name, view) for name, view in VIEWS if name not in EXEMPT])
def test_each_view_is_counted_before_it_runs(name: str, view: Callable[..., Any], settings) -> None:
    """The API's by its throttle, all others by the middleware."""
    kind = getattr(view, "cls", None)
    if kind is not None:
        assert Throttle in kind.throttle_classes
        return
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "0/d")
    request = RequestFactory().post("/")
    request.user = UserFactory.build(pk=1)
    answer = RateLimits(HttpResponse).process_view(request, view)
    assert answer is not None
    assert answer.status_code == 429


class Urls:
    """A URL conf with a new view, whose author thought of no limit."""

    @staticmethod
    def careless(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

    urlpatterns = [path("careless/", careless)]


def test_a_new_view_is_limited_without_a_word(settings) -> None:
    settings.ROOT_URLCONF = Urls
    settings.RATE_LIMITS = {"writes": "2/d"}
    client = Client()
    assert [client.post("/careless/").status_code for _n in range(3)] == [200, 200, 429]
    assert {client.get("/careless/").status_code for _n in range(5)} == {200}


class TestThePayButton:
    """12 of 12 declined cards went through at a limit of five."""

    @pytest.fixture(autouse=True)
    def five_a_day(self, settings, sandbox) -> None:
        settings.RATE_LIMITS = {"checkout": "5/d"}

    def fields(self, visitor: Visitor, cart: Any) -> dict[str, str]:
        fields = visitor.open("/checkout/").form("/checkout/pay/").fields
        return {**fields, "method": "card", "payment_method": "pm_card_chargeDeclined"}

    def shopper(self) -> tuple[Visitor, Any]:
        from django.core import signing

        from cart import session

        visitor, cart = Visitor(), ready_cart()
        signer = signing.get_cookie_signer(salt=session.COOKIE + session.SALT)
        visitor.client.cookies[session.COOKIE] = signer.sign(cart.id)
        return visitor, cart

    def test_is_limited(self) -> None:
        visitor, cart = self.shopper()
        statuses = []
        for _number in range(12):
            answer = visitor.client.post("/checkout/pay/", self.fields(visitor, cart))
            statuses.append(answer.status_code)
        assert statuses == [402] * 5 + [429] * 7

    def test_shares_its_count_with_the_api(self, app) -> None:
        visitor, cart = self.shopper()
        for number in range(5):
            app.check_out(ready_cart(), "pm_card_chargeDeclined", key=str(number))
        assert visitor.client.post("/checkout/pay/", self.fields(visitor, cart)).status_code == 429

    def test_the_page_keeps_what_was_typed_and_sends_it_again(self, settings) -> None:
        visitor, cart = self.shopper()
        fields = {**self.fields(visitor, cart), "method": "pix", "payment_method": ""}
        settings.RATE_LIMITS = {"checkout": "0/min"}
        answer = visitor.client.post("/checkout/pay/", fields)
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 60
        assert "no-store" in answer["Cache-Control"]
        settings.RATE_LIMITS = {}
        from tests.support.pages import Page

        page = Page(visitor, answer)
        kept = page.form("/checkout/pay/").fields
        assert {name: kept[name] for name in fields if name != "csrfmiddlewaretoken"} == {
            name: text for name, text in fields.items() if name != "csrfmiddlewaretoken"
        }
        assert "Pix" in page.send("/checkout/pay/").html


@pytest.mark.parametrize(("language", "words"), [("pt-BR", "Espere"), ("en", "Wait")])
def test_the_page_is_in_the_shoppers_language(language: str, words: str, settings) -> None:
    settings.RATE_LIMITS = {"writes": "0/min"}
    answer = Client(headers={"accept-language": language}).post("/cart/add/", {"sku": "X", "quantity": "2"})
    assert answer.status_code == 429
    assert words in answer.text
    assert 'name="quantity" value="2"' in answer.text


def test_a_password_is_never_shown_again(settings) -> None:
    settings.RATE_LIMITS = {"writes": "0/min"}
    answer = Client().post(reverse("admin:login"), {"username": "a@example.com", "password": "very-secret"})
    assert answer.status_code == 429
    assert "very-secret" not in answer.text


def test_lookups_that_call_others_are_limited_too(settings) -> None:
    settings.RATE_LIMITS = {"reads": "2/d"}
    client = Client()
    answers = [client.get("/cart/postal-code/", {"postal_code": "01310200"}) for _n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_signed_in_shoppers_are_counted_by_account(settings) -> None:
    settings.RATE_LIMITS = {"writes": "2/d"}
    filled_cart()
    for _person in range(2):
        client = Client()
        client.force_login(UserFactory())
        statuses = [client.post("/cart/delivery/", {"postal_code": "01310200"}).status_code for _n in range(3)]
        assert statuses[2] == 429
        assert 429 not in statuses[:2]
