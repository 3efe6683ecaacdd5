"""What a template shows the same each time is rendered once for each language, and nothing else is."""

import re
from collections.abc import Iterator

import pytest
from django import template
from django.template import Context, Template, TemplateDoesNotExist
from django.template.autoreload import reset_loaders
from django.template.engine import Engine
from django.test import Client
from django.urls import set_script_prefix
from django.utils import translation

from config.rendering import template_loader
from config.rendering.template_loader import FixedNodes, fixed
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory

register = template.Library()
rendered: list[str] = []


@register.simple_tag
@fixed
def stamp(text: str) -> str:
    rendered.append(text)
    return f"<{text}>"


@register.simple_tag
def unmarked(text: str) -> str:
    rendered.append(text)
    return text


@register.simple_tag(takes_context=True)
@fixed
def of_context(context: Context, text: str) -> str:
    rendered.append(text)
    return f"{context['name']}{text}"


@register.simple_block_tag
@fixed
def of_block(content: str) -> str:
    rendered.append(content)
    return content


@pytest.fixture(autouse=True)
def nothing_rendered() -> None:
    rendered.clear()


def load(**sources: str) -> Template:
    """The first of the templates. Every tag that they use is loaded."""
    return Engine(
        loaders=[("config.rendering.template_loader.Loader", [("django.template.loaders.locmem.Loader", sources)])],
        builtins=["django.templatetags.i18n", "django.templatetags.static", __name__],
    ).get_template(next(iter(sources)))


def show(page: Template, **values: object) -> str:
    return page.render(Context(values))


def test_neighbours_are_rendered_once() -> None:
    page = load(page='<p>{% stamp "a" %}{% url "help" %}</p>{{ name }}{% stamp "b" %}')
    assert [show(page, name=name) for name in ("x", "y")] == [
        "<p>&lt;a&gt;/help/</p>x&lt;b&gt;",
        "<p>&lt;a&gt;/help/</p>y&lt;b&gt;",
    ]
    assert rendered == ["a", "b"]


def test_each_language_has_its_text() -> None:
    page = load(page='{% translate "Add to cart" %}')
    shown = []
    for language in ("pt-br", "en", "pt-br", "en"):
        with translation.override(language):
            shown.append(show(page))
    assert shown == ["Pôr no carrinho", "Add to cart"] * 2


def test_a_part_in_another_language_has_its_text() -> None:
    page = load(page='{% translate "Search" %}{% language "en" %}{% translate "Search" %}{% endlanguage %}{{ name }}')
    with translation.override("pt-br"):
        assert [show(page, name=name) for name in ("x", "y")] == ["BuscarSearchx", "BuscarSearchy"]


def test_addresses_follow_the_script_prefix() -> None:
    page = load(page='{% url "inventory:catalogue" %}')
    assert show(page) == "/"
    set_script_prefix("/shop/")
    try:
        assert show(page) == "/shop/"
    finally:
        set_script_prefix("/")


def test_what_is_escaped_and_what_is_not_are_kept_apart() -> None:
    page = load(page='{% stamp "a" %}')
    assert [page.render(Context(autoescape=escape)) for escape in (True, False)] == ["&lt;a&gt;", "<a>"]


@pytest.mark.parametrize(
    "source",
    [
        "{% stamp name %}",
        "{% stamp name|upper %}",
        '{% unmarked "a" %}{{ name }}',
        '{% of_context "a" %}',
        "{% of_block %}{{ name }}{% endof_block %}",
        '{% stamp "a" as kept %}{{ kept }}{{ name }}',
        '{% translate "Search" as kept %}{{ kept }}{{ name }}',
        "{% translate name %}",
        '{% url "inventory:product" name %}',
        "{% static name %}",
        '{% if name == "x" %}x{% translate "Search" %}{% else %}{% translate "Search" %}y{% endif %}',
        '{% for letter in name %}{% stamp "a" %}{{ letter }}{% endfor %}',
        '{% with other=name %}{% stamp "a" %}{{ other }}{% endwith %}',
    ],
)
def test_what_depends_on_a_variable_is_rendered_each_time(source: str, settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    page = load(page=source)
    shown = [show(page, name=name) for name in ("x", "y", "x")]
    assert shown[0] == shown[2] != shown[1]


def test_addresses_of_the_admin_follow_the_site_that_is_shown() -> None:
    page = load(page='{% url "admin:index" %}{% url "inventory:catalogue" %}')
    assert [isinstance(node, FixedNodes) for node in page.nodelist[-2:]] == [False, True]


def test_blocks_are_replaced_as_ever() -> None:
    page = load(
        page='{% extends "base" %}{% block a %}{% stamp "new" %}{{ block.super }}{% endblock %}',
        base='{% stamp "before" %}{% block a %}{% stamp "old" %}{% endblock %}{% block b %}{{ name }}{% endblock %}',
    )
    once = "&lt;before&gt;&lt;new&gt;&lt;old&gt;"
    assert [show(page, name=name) for name in ("x", "y")] == [f"{once}x", f"{once}y"]
    assert rendered == ["before", "new", "old"]


def test_nothing_is_kept_of_what_failed() -> None:
    page = load(page='{% stamp "a" %}{% url "nowhere:at-all" %}')
    for _ in range(2):
        with pytest.raises(Exception, match="nowhere"):
            show(page)
    assert rendered == ["a", "a"]


def test_a_missing_template_is_told() -> None:
    with pytest.raises(TemplateDoesNotExist):
        load(page="").engine.get_template("none")


def pages_of(client: Client) -> Iterator[tuple[str, str]]:
    """Pages of a purchase, and of an account; without what is drawn by lot."""
    for path in ("", "?search=none", "products/caneca/", "cart/", "checkout/", "help/", "orders/find/", "orders/",
                 "account/sign-in/", "account/sign-up/", "nowhere/"):  # fmt: skip
        answer = client.get(f"/{path}", follow=True)
        # Tokens, nonces and keys are new each time.
        yield path, re.sub(r'(value|nonce|data-[a-z-]+)="[\w-]{32,}"|nonce="[^"]+"', "", answer.text)


@pytest.mark.django_db
@pytest.mark.usefixtures("static_files_from_apps")
@pytest.mark.parametrize("signed_in", [False, True])
def test_pages_look_as_they_do_with_djangos_loaders(signed_in: bool, monkeypatch) -> None:
    flat_shipping()
    ProductFactory(sku="CANECA", slug="caneca", stock=3)
    clients = {language: Client(headers={"accept-language": language}) for language in ("pt-br", "en")}
    for client in clients.values():
        if signed_in:
            client.force_login(UserFactory())
        client.post("/cart/add/", {"sku": "CANECA", "quantity": "1"}, follow=True)  # shows the message of it

    ours = {language: list(pages_of(client)) for language, client in clients.items()}
    again = {language: list(pages_of(client)) for language, client in clients.items()}
    with monkeypatch.context() as patched:
        patched.setattr(template_loader, "link", lambda template, load: None)
        patched.setattr(template_loader, "_join", lambda nodes: None)
        reset_loaders()
        djangos = {language: list(pages_of(client)) for language, client in clients.items()}
    reset_loaders()

    assert ours == djangos
    assert again == djangos
    assert ours["en"] != ours["pt-br"]
