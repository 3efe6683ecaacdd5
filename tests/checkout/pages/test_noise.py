"""Fuzzing the shop's forms: any input gets a page that explains the error, never a 500, and the cart survives.

Forms are found through the URL configuration, so that none is forgotten. Each is sent valid values with noise in some
of its fields, both as a browser and as HTMX send them. The admin, the API and the webhooks have suites of their own.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cart import snapshot
from cart.models import CartLine, CartStatus
from cart.session import keep_cart
from checkout.models import Order
from config.accounts.models import ApiToken, SignUp, digest_of
from config.celery import app
from payments.gateways.base import PIX
from shipping import address_book
from tests.checkout.pages.test_checkout import TYPED
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ADDRESS, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import DECLINED, VISA, order_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps", "sandbox")]

ELSEWHERE = ("admin/", "api/", "webhooks/", "health/", "metrics", "__debug__/")
MIB = b"x" * 1024 * 1024
noisy = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
# Bytes, since a form can carry any: lone surrogates, other encodings, and binary data.
noise = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.integers().map(lambda number: str(number).encode()),
    st.text(st.characters(categories=["Cs"]), min_size=1).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=40),
    st.sampled_from(["São".encode("latin-1"), "São".encode("utf-16"), b"\0", b"a\0b", b"\r\nX: y", b"'--", b"<b>"]),
    st.sampled_from([b"", b"0", b"-1", b"1.5", b"1e9", b"NaN", b"-Infinity", b"9" * 400, "٣".encode(), b"x" * 20_000]),
)


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """The routes of all pages, as in the URL configuration."""
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


PAGES = sorted(routes(get_resolver().url_patterns))


class Shop:
    """A browser with a mug in its cart, ready to pay, and another shopper's cart and order."""

    def __init__(self) -> None:
        self.cart = ready_cart([ProductFactory(sku="MUG", slug="mug", name="Caneca", stock=99)])
        self.others_cart = ready_cart()
        self.order: Order = order_of(ready_cart())
        self.browser = Client(headers={"accept-language": "en"}, raise_request_exception=False)
        self.browser.cookies.update(keep_cart(HttpResponse(), self.cart).cookies)
        user = UserFactory()
        self.named = {"sku": "MUG", "slug": "mug", "category": "home", "number": self.order.number, "name": "mail-1"}
        self.named |= {"token_id": str(ApiToken.objects.keep(user, "key", name="A phone").pk)}
        self.named |= {"address_id": str(address_book.save(user.pk, ADDRESS).pk)}
        self.named |= {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": "set-password"}
        wish = SignUp.objects.ask("new@example.com", "en")
        SignUp.objects.filter(pk=wish.pk).update(digest=digest_of("a key"))
        self.named["key"] = "a key"
        self.browser.get(f"/account/password/{self.named['uidb64']}/{default_token_generator.make_token(user)}/")

    def address(self, route: str) -> str:
        """The route filled in with objects that exist."""
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self.named[found[1]], route)

    def send(self, route: str, typed: dict[str, bytes | str], **headers: str) -> HttpResponse:
        """Post a form, follow its redirects, and check what must hold for every response."""
        body = urlencode(typed)
        kind = "application/x-www-form-urlencoded"
        before = self.in_cart()
        answer = self.browser.post(self.address(route), body, content_type=kind, follow=True, headers=headers)
        self.check(answer)
        if answer.status_code >= 400 or route not in ("cart/add/", "cart/line/<path:sku>/"):
            assert self.in_cart() == before, "The cart changed without a request to change it."
        return answer

    def check(self, answer: HttpResponse) -> None:
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert re.search(r'"field__error|notice--error|class="empty"', answer.content.decode()), (
                "The page shows no message."
            )

    def in_cart(self) -> list[int]:
        """The quantities in the browser's cart, which may have been merged into an account's."""
        mugs = CartLine.objects.filter(product__sku="MUG", cart__status=CartStatus.OPEN)
        return list(mugs.values_list("quantity", flat=True))

    def forms(self) -> dict[str, dict[str, str]]:
        """Valid values for each form. The card is declined, since a paid order would empty the cart."""
        unknown_account = {"email": "nobody@example.com"}
        return {
            "cart/add/": {"sku": "MUG", "quantity": "1"},
            "cart/line/<path:sku>/": {"to": "", "quantity": "3"},
            "cart/delivery/": {"postal_code": "01310-200"},
            "cart/shipping/": {"code": "flat"},
            "checkout/contact/": {**TYPED, "complement": ""},
            "checkout/saved-address/": {"address": str(uuid4())},
            "checkout/delivery/": {"code": "flat"},
            "checkout/pay/": {
                "method": "card", "payment_method": DECLINED, "expected_total": "99999.00", "cart": self.cart.id,
                "idempotency_key": str(uuid4()),
            },
            "orders/find/": {"number": self.order.number, "email": self.order.email},
            "orders/<slug:number>/another-way/": {"token": self.order.token},
            "orders/<slug:number>/receipt/make/": {},
            "orders/<slug:number>/returns/": {
                f"line_{self.order.lines.get().pk}": "1", "reason": "", "key": str(uuid4()),
            },
            "language/": {"language": "en", "next": "/help/"},
            "account/sign-in/": {**unknown_account, "password": PASSWORD, "remember": "on", "next": "/"},
            "account/sign-up/": {**unknown_account, "next": "/"},
            "account/sign-up/<str:key>/": {"full_name": "", "password": PASSWORD},
            "account/sign-out/": {"next": "/"},
            "account/confirm/": {},
            "account/confirm/<str:key>/": {},
            "account/password/": unknown_account,
            "account/data/": {"email": self.order.email, "wish": "copy"},
            "account/data/link/": {},
            "account/password/change/": {},  # a guest is led to sign-in before it is read
            "account/devices/<uuid:token_id>/end/": {},
            "account/addresses/<uuid:address_id>/remove/": {},
            "account/password/<uidb64>/<token>/": {"password": ""},
        }  # fmt: skip


FORMS = [
    "account/addresses/<uuid:address_id>/remove/", "account/confirm/", "account/confirm/<str:key>/",
    "account/data/", "account/data/link/",
    "account/devices/<uuid:token_id>/end/", "account/password/", "account/password/<uidb64>/<token>/",
    "account/password/change/", "account/sign-in/", "account/sign-out/", "account/sign-up/",
    "account/sign-up/<str:key>/", "cart/add/", "cart/delivery/", "cart/line/<path:sku>/", "cart/shipping/",
    "checkout/contact/", "checkout/delivery/", "checkout/pay/", "checkout/saved-address/", "language/",
    "orders/<slug:number>/another-way/", "orders/<slug:number>/receipt/make/",
    "orders/<slug:number>/returns/", "orders/find/",
]  # fmt: skip


@pytest.fixture(autouse=True)
def fast_and_without_limits(settings) -> Iterator[None]:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_every_form_is_covered(shop: Shop) -> None:
    assert [page for page in PAGES if shop.browser.post(shop.address(page)).status_code != 405] == FORMS
    assert sorted(shop.forms()) == FORMS


@pytest.mark.parametrize("form", FORMS)
def test_forms_survive_noise(form: str, shop: Shop) -> None:
    @noisy
    @given(
        typed=st.fixed_dictionaries({}, optional=dict.fromkeys([*shop.forms()[form], "look_up"], noise)),
        htmx=st.booleans(),
    )
    def check(typed: dict[str, bytes], htmx: bool) -> None:
        shop.send(form, {**shop.forms()[form], **typed}, **({"HX-Request": "true"} if htmx else {}))
        if not shop.in_cart():  # as requested: a quantity of 0 removes the line
            shop.send("cart/add/", shop.forms()["cart/add/"])
        assert "Caneca" in shop.browser.get("/cart/").content.decode()

    check()


def test_pages_survive_noise_in_the_query(shop: Shop) -> None:
    names = ["search", "category", "page", "edit", "token", "forward", "was", "postal_code", "next", "key", "é"]

    @settings(noisy, max_examples=60)
    @given(page=st.sampled_from(PAGES), query=st.dictionaries(st.sampled_from(names), noise, max_size=4))
    def check(page: str, query: dict[str, bytes]) -> None:
        assert shop.browser.get(f"{shop.address(page)}?{urlencode(query)}").status_code < 500

    check()
    assert shop.in_cart() == [1]


def test_unknown_addresses(shop: Shop) -> None:
    named = [page for page in PAGES if "<" in page]
    for part in ("%00", "%FF", "%ED%A0%80", "..%2F..%2Fmug", "x" * 5000, "-1"):
        shop.named = dict.fromkeys(shop.named, part)
        for page in named:
            for answer in (shop.browser.get(shop.address(page)), shop.browser.post(shop.address(page))):
                assert answer.status_code in (200, 302, 400, 404, 405, 422), page
    assert shop.in_cart() == [1]


def test_a_mebibyte_is_refused(shop: Shop) -> None:
    for form in FORMS:
        for name in shop.forms()[form]:
            assert shop.send(form, {name: MIB}).status_code in (400, 404, 413)


def test_bodies_that_are_not_forms(shop: Shop) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        for body in (b"\xff\xfe", b"%", b"&" * 5000, b"\0" * 99, b"--x\r\n\r\n"):
            for form in FORMS:
                shop.check(shop.browser.generic("POST", shop.address(form), body, kind))
    assert shop.in_cart() == [1]


@pytest.mark.parametrize(
    ("total", "status"), [("0.01", 409), ("0", 409), ("-109.80", 409), ("109.799", 422), ("NaN", 422), ("9" * 30, 422)]
)
def test_a_tampered_total_buys_nothing(total: str, status: int, shop: Shop, sandbox: Sandbox) -> None:
    taken = sandbox.ledger()["captured"]
    typed = {**shop.forms()["checkout/pay/"], "payment_method": VISA, "expected_total": total}
    assert shop.send("checkout/pay/", typed).status_code == status
    assert Order.objects.get() == shop.order
    assert sandbox.ledger()["captured"] == taken


def test_another_shoppers_cart_is_neither_paid_nor_changed(shop: Shop) -> None:
    shop.named["sku"] = shop.others_cart.lines[0].sku
    page = shop.send("checkout/pay/", {**shop.forms()["checkout/pay/"], "cart": shop.others_cart.id})
    assert "This page was out of date" in page.content.decode()
    assert shop.send("cart/line/<path:sku>/", {"to": "0"}).status_code == 422
    assert snapshot.load(shop.others_cart.id, None) == shop.others_cart
    assert Order.objects.get() == shop.order


def test_another_shoppers_order_needs_its_own_token(shop: Shop) -> None:
    for token in (order_of(shop.cart, PIX).token, shop.order.token[:-1], shop.cart.id, ""):
        for page in ("", "progress/", "return/"):
            assert shop.browser.get(f"/orders/{shop.order.number}/{page}", {"token": token}).status_code == 404
        given_up = shop.browser.post(f"/orders/{shop.order.number}/another-way/?{urlencode({'token': token})}")
        assert given_up.status_code == 404
