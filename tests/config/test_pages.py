"""What holds for every page: language, policy, errors, help, and the demo's mailbox."""

import re

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.pages import Page, Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]

PUBLIC = [
    "/", "/?search=nothing-at-all", "/cart/", "/help/", "/orders/find/", "/account/sign-in/", "/account/sign-up/",
    "/account/data/", "/account/data/sent/", "/account/data/erasing/",
]  # fmt: skip


@pytest.mark.parametrize("url", PUBLIC)
def test_no_page_violates_the_content_security_policy(visitor: Visitor, url: str) -> None:
    page = visitor.open(url)
    assert page.status == 200
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", page.html)
    assert not re.search(r'(src|href|action)="(https?:)?//', page.html), "nothing is loaded from another host"
    assert "'unsafe-inline'" not in page.response["Content-Security-Policy"]
    assert "'unsafe-eval'" not in page.response["Content-Security-Policy"]


def test_the_first_page_is_light(visitor: Visitor) -> None:
    import gzip
    from pathlib import Path

    from django.contrib.staticfiles import finders

    ProductFactory.create_batch(24, stock=1)
    page = visitor.open("/")
    files = re.findall(r'/static/([a-z/.]+)["#]', page.html)
    weight = len(gzip.compress(page.html.encode()))
    weight += sum(len(gzip.compress(Path(finders.find(name)).read_bytes())) for name in set(files))
    assert {"esteira/esteira.css", "esteira/icons.svg", "esteira/favicon.svg", "inventory/catalogue.css"} <= set(files)
    assert weight < 50_000


def test_every_page_names_its_language_and_title(visitor: Visitor) -> None:
    titles = set()
    for url in PUBLIC:
        html = Visitor("pt-BR").open(url).html
        assert '<html lang="pt-BR">' in html
        titles.add(re.search(r"<title>(.*?)</title>", html, re.S).group(1))
    assert len(titles) == len(PUBLIC)


def test_an_unknown_path(visitor: Visitor, settings) -> None:
    settings.DEBUG = False
    page = visitor.open("/nowhere/")
    assert page.status == 404
    assert "Page not found" in page.html


class TestARefusedForm:
    """The page names the true cause, and keeps what was typed where a page of ours sent it."""

    OURS = {"origin": "http://testserver", "referer": "http://testserver/products/caneca/?a=b"}

    def strict(self) -> Client:
        return Client(enforce_csrf_checks=True, headers={"accept-language": "en"})

    def test_without_a_cookie(self) -> None:
        """Cookies are blocked: that is not "open for too long"."""
        answer = self.strict().post("/cart/add/", {"sku": "X"}, headers=self.OURS)
        assert answer.status_code == 403
        assert "Your browser did not send our cookie" in answer.text
        assert answer["X-Refused"] == "cookies"

    def test_with_the_token_of_another_session(self) -> None:
        client = self.strict()
        client.get("/account/sign-in/")
        typed = {"sku": 'X"><b>', "quantity": "3", "csrfmiddlewaretoken": "y" * 64}
        answer = client.post("/cart/add/", typed, headers=self.OURS)
        assert answer.status_code == 403
        assert "You signed in or out in another tab" in answer.text
        assert '<a href="/products/caneca/?a=b">Back to the page</a>' in answer.text
        assert answer["X-Refused"] == "token"
        assert "no-store" in answer["Cache-Control"]
        assert "<b>" not in answer.text
        # One press sends it again, without scripts; and a script may, with the token of the header.
        page = Page(Visitor(), answer)
        fields = page.form("/cart/add/").fields
        assert (fields["sku"], fields["quantity"]) == (typed["sku"], "3")
        for token in (fields["csrfmiddlewaretoken"], answer["X-CSRFToken"]):
            assert client.post("/cart/add/", {**fields, "csrfmiddlewaretoken": token}).status_code == 302

    @pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}])
    def test_of_another_site_is_not_offered_again(self, headers: dict[str, str]) -> None:
        answer = self.strict().post("/cart/add/", {"sku": "X"}, headers={**headers, "referer": "http://evil.example/"})
        assert answer.status_code == 403
        assert "X-CSRFToken" not in answer
        assert "evil" not in answer.text
        assert [form.action for form in Page(Visitor(), answer).forms] == []

    def test_keeps_no_password(self) -> None:
        answer = self.strict().post("/account/sign-in/", {"email": "a@b.com", "password": "pw-123"}, headers=self.OURS)
        assert answer.status_code == 403
        assert "pw-123" not in answer.text


def test_the_500_page_needs_no_database(django_assert_num_queries) -> None:
    with django_assert_num_queries(0), translation.override("en"):
        html = render_to_string("500.html")
    assert "do not pay again" in html


def test_an_internal_error_is_shown_without_a_database(monkeypatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("inventory.views.catalogue_page", broken)
    answer = Client(raise_request_exception=False, headers={"accept-language": "en"}).get("/")
    assert answer.status_code == 500
    assert b"Something went wrong on our side" in answer.content


@pytest.fixture
def mailbox(settings, tmp_path):
    settings.DEMO = True
    settings.EMAIL_FILE_PATH = str(tmp_path)

    def send(subject: str, html: str = "") -> None:
        connection = get_connection("django.core.mail.backends.filebased.EmailBackend", file_path=str(tmp_path))
        mail = EmailMultiAlternatives(subject, "Olá, aqui está: http://127.0.0.1/x", to=["ana@example.com"])
        if html:
            mail.attach_alternative(html, "text/html")
        connection.send_messages([mail])

    return send


def test_the_mailbox_is_empty_at_first(visitor: Visitor, mailbox) -> None:
    assert "No mail yet" in visitor.open("/mail/").html


def test_the_mailbox_shows_what_was_sent(visitor: Visitor, mailbox) -> None:
    mailbox("Seu pedido está confirmado", "<p style='color:red'>Olá</p>")
    page = visitor.open("/mail/")
    assert "Seu pedido está confirmado" in page.html
    (address,) = re.findall(r'href="(/mail/[\w-]+/)"', page.html)
    page = visitor.open(address)
    assert "ana@example.com" in page.html
    assert '<a href="http://127.0.0.1/x"' in page.html
    frame = visitor.open(f"{address}html/")
    assert frame.html.strip() == "<p style='color:red'>Olá</p>"
    policy = frame.response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_the_mailbox_exists_only_in_the_demo(visitor: Visitor, settings) -> None:
    settings.DEMO = False
    assert visitor.open("/mail/").status == 404
    assert visitor.open("/mail/any/").status == 404


def test_the_checkout_allows_only_the_providers_script(visitor: Visitor, settings) -> None:
    flat_shipping()
    product = ProductFactory(stock=3)
    visitor.open(f"/products/{product.slug}/").send("/cart/add/")
    page = visitor.open("/checkout/")
    assert settings.STRIPE_JS_URL not in page.html, "the provider's script is loaded at the payment step only"
