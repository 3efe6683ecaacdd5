"""Who sells, on every page, and the shop's texts on privacy, sale and exchange."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from checkout.models import Policy, PolicyPage
from checkout.policies import first_version, rendered
from config.retention.rules import all_rules
from tests.budgets.test_pages import holding
from tests.support.factories.cart import ready_cart

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]

LANGUAGES = ("en", "pt-br")
SELLER = {
    "SELLER_NAME": "Louças & Cia Ltda.",
    "SELLER_TAX_ID": "11.222.333/0001-81",
    "SELLER_ADDRESS": "Rua do *Ouro*, 7, Recife – PE",
    "SELLER_EMAIL": "loja_1@loucas.example",
    "SELLER_PHONE": "(81) 3333-4444",
}


@pytest.fixture(autouse=True)
def seller(settings: Any) -> None:
    for name, value in SELLER.items():
        setattr(settings, name, value)


def page(path: str, language: str = "en") -> str:
    answer = Client(headers={"accept-language": language}).get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def write(page: str, text: str, language: str = "en") -> None:
    Policy.objects.update_or_create(page=page, language=language, defaults={"text": text})


@pytest.mark.parametrize("path", ["/", "/cart/", "/help/", "/account/sign-in/", "/orders/find/"])
def test_every_page_says_who_sells_and_leads_to_the_texts(path: str) -> None:
    html = page(path)
    for line in ("Louças &amp; Cia Ltda.", "CNPJ 11.222.333/0001-81", "Rua do *Ouro*, 7", "loja_1@loucas.example"):
        assert line in html
    for link in PolicyPage.values:
        assert f'href="/{link}/"' in html


def test_so_does_the_checkout() -> None:
    answer = holding(ready_cart(1)).get("/checkout/")
    assert "CNPJ 11.222.333/0001-81" in answer.content.decode()


def test_a_seller_who_is_a_person_has_a_cpf_and_what_is_not_known_is_left_out(settings: Any) -> None:
    settings.SELLER_TAX_ID, settings.SELLER_EMAIL = "529.982.247-25", ""
    html = page("/help/")
    assert "CPF 529.982.247-25" in html
    assert "<span>(81) 3333-4444</span>" in html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PolicyPage.values)
def test_first_versions_fill_in_who_sells_and_leave_nothing_open(name: str, language: str) -> None:
    html = page(f"/{name}/", language)
    article = html[html.index("<article") : html.index("</article>")]
    assert "Louças &amp; Cia Ltda.<br>" in article
    assert "Rua do *Ouro*, 7, Recife – PE" in article
    assert 'href="mailto:loja_1@loucas.example"' in article
    assert not re.search(r"[{}\\]|\*\*|##", article)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_privacy_page_lists_every_rule_of_retention(language: str, settings: Any) -> None:
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "carts": 12}
    html = page("/privacy/", language)
    days = "12 days" if language == "en" else "12 dias"
    with translation.override(language):
        for rule in all_rules():
            assert f"<li>{rule.what}: " in html
        carts = next(rule for rule in all_rules() if rule.name == "carts")
        assert f"<li>{carts.what}: {days}; {carts.effect}.</li>" in html


@pytest.mark.parametrize("name", PolicyPage.values)
def test_first_versions_have_the_same_parts_in_both_languages(name: str) -> None:
    parts = [re.findall(r"^#+|^- |^\d\. |\{\w+\}", first_version(name, language), re.M) for language in LANGUAGES]
    assert parts[0] == parts[1]
    assert parts[0]


def test_the_shops_own_text_stands_in_its_language_alone() -> None:
    write("terms", "# Ours\n\nWe sell *mugs*.")
    html = page("/terms/")
    assert "<h2>Ours</h2>\n<p>We sell <em>mugs</em>.</p>" in html
    assert "Last changed on" in html
    assert "Ours" not in page("/terms/", "pt-br")
    assert "Ours" not in page("/exchange/")


def test_an_emptied_text_is_the_first_version_again() -> None:
    write("terms", "")
    html = page("/terms/")
    assert "How an order comes about" in html
    assert "Last changed on" not in html


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("![tracker](https://elsewhere.example/pixel.png)", "<img"),
        ("[click](javascript:alert(1))", 'href="javascript'),
        ("[click](data:text/html;base64,PHNjcmlwdD4=)", 'href="data'),
        ("<a href='https://x.example' onclick='alert(1)'>x</a>", "<a"),
        ("<style>body{display:none}</style>", "<style"),
        ("<form action=/cart/><button>x</button></form>", "<form"),
    ],
)
def test_nothing_in_a_text_runs_or_loads(text: str, never: str) -> None:
    html = rendered(f"Before\n\n{text}\n\nafter")
    assert never not in html
    assert "<p>Before</p>" in html
    assert "<p>after</p>" in html


def test_a_link_is_kept() -> None:
    assert rendered("[Procon](https://procon.example/?a=1&b=2)") == (
        '<p><a href="https://procon.example/?a=1&amp;b=2" rel="noopener">Procon</a></p>\n'
    )


def test_one_statement_and_no_session(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        answer = Client().get("/privacy/")
    assert "sessionid" not in answer.cookies
