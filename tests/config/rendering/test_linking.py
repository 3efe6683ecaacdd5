"""Parents and included templates are put in when a template is loaded, and show what Django would show."""

import pytest
from django.template import Context, Template, TemplateDoesNotExist
from django.template.base import Node
from django.template.engine import Engine
from django.template.loader import get_template
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode

OURS = "config.rendering.template_loader.Loader"
DJANGOS = "django.template.loaders.cached.Loader"
PAGES = ["inventory/catalogue.html", "inventory/product.html", "cart/cart.html", "checkout/checkout.html",
         "checkout/order.html", "checkout/orders.html", "accounts/sign_in.html", "404.html"]  # fmt: skip


def load(loader: str, sources: dict[str, str]) -> Template:
    """The first of the templates."""
    engine = Engine(
        loaders=[(loader, [("django.template.loaders.locmem.Loader", sources)])],
        builtins=["django.templatetags.i18n", "django.templatetags.static"],
    )
    return engine.get_template(next(iter(sources)))


def parts(template: Template) -> list[Node]:
    return [
        node for kind in (ExtendsNode, BlockNode, IncludeNode) for node in template.nodelist.get_nodes_by_type(kind)
    ]


BASE = '<{% block a %}a{{ x }}{% endblock %}|{% if x == "1" %}{% block b %}b{% endblock %}{% endif %}>'
LINKED = {
    "a parent": {"page": '{% extends "base" %}{% block a %}new{{ x }}{% endblock %} lost', "base": BASE},
    "a grandparent": {
        "page": '{% extends "middle" %}{% block b %}{{ x }}{% endblock %}{% block unknown %}{{ x }}{% endblock %}',
        "middle": '{% extends "base" %}{% block a %}middle{% endblock %}{% block b %}lost{% endblock %}',
        "base": BASE,
    },
    "blocks in blocks": {
        "page": '{% extends "middle" %}{% block inner %}{{ x }}{% endblock %}',
        "middle": '{% extends "base" %}{% block a %}[{% block inner %}lost{% endblock %}]{% endblock %}',
        "base": BASE,
    },
    "a block that is in a loop": {
        "page": '{% extends "base" %}{% block a %}{{ n }}{{ x }}{% endblock %}',
        "base": "{% for n in numbers %}{% block a %}{% endblock %}{% endfor %}",
    },
    "variables of a block end with it": {
        "page": '{% extends "base" %}{% block a %}{% firstof x as kept %}{{ kept }}{% endblock %}',
        "base": "{{ kept }}{% block a %}{% endblock %}{{ kept }}.",
    },
    "variables of a part end with it": {
        "page": '{% include "part" %}{{ kept }}{{ language }}.',
        "part": "{% get_current_language as language %}{% now 'Y' as kept %}{{ language }}{{ x }}",
    },
    "variables before a block are seen in it": {
        "page": '{% extends "base" %}{% block a %}{{ kept }}{% endblock %}',
        "base": "{% firstof x as kept %}{% block a %}{% endblock %}",
    },
    "a part": {"page": 'a{% include "part" %}b', "part": "{{ x }}{% translate 'Search' %}"},
    "a part in a part in a branch": {
        "page": '{% if x == "1" %}{% include "part" %}{% else %}{% include "inner" %}{% endif %}',
        "part": '[{% include "inner" %}]',
        "inner": "{{ x }}",
    },
    "a part with values": {
        "page": '{% include "part" with x=numbers.0 y=x|add:"1" %}{{ x }}{{ y }}',
        "part": "{{ x }}{{ y }}",
    },
    "a part that extends": {
        "page": '{% include "part" %}{% include "part" %}',
        "part": '{% extends "base" %}{% block a %}{{ x }}{% endblock %}',
        "base": BASE,
    },
    "a part in a block": {
        "page": '{% extends "base" %}{% block a %}{% include "part" %}{% endblock %}',
        "base": BASE,
        "part": "{{ x }}",
    },
    "a part in a loop": {"page": '{% for n in numbers %}{% include "part" %}{% endfor %}', "part": "{{ n }}{{ x }}"},
}
LEFT = {
    "a parent that is asked for": {
        "page": '{% extends "base" %}{% block a %}{{ block.super }}{{ x }}{% endblock %}', "base": BASE,
    },
    "a grandparent that is asked for": {
        "page": '{% extends "middle" %}{% block b %}{{ x }}{% endblock %}',
        "middle": '{% extends "base" %}{% block a %}{{ block.super }}{% endblock %}',
        "base": BASE,
    },
    "a block of a parent that has a parent is asked for": {
        "page": '{% extends "middle" %}{% block a %}{{ block.super }}{% endblock %}{% block b %}{{ x }}{% endblock %}',
        "middle": '{% extends "base" %}{% block a %}middle{{ x }}{% endblock %}',
        "base": BASE,
    },
    "a parent with a parent from a variable": {
        "page": '{% extends middle %}{% block a %}{{ x }}new{% endblock %}',
        "middle": '{% extends "base" %}{% block b %}middle{% endblock %}',
        "base": BASE,
    },
    "a parent from a variable": {"page": "{% extends name %}{% block a %}new{% endblock %}", "base": BASE},
    "a part from a variable": {"page": "{% include name %}", "base": "{{ x }}"},
    "a part that sees nothing": {"page": '{% include "part" only %}{{ x }}', "part": "{{ x }}"},
    "a part that includes itself": {
        "page": '{% include "part" with left=numbers %}',
        "part": '{{ left|length }}{{ x }}{% if left %}{% include "part" with left=left|slice:"1:" %}{% endif %}',
    },
    "a part that counts": {
        "page": '{% for n in numbers %}{% include "part" %}{% cycle "a" "b" %}{% endfor %}',
        "part": '{% cycle "a" "b" %}{% ifchanged %}{{ x }}{% endifchanged %}',
    },
    "a part with blocks": {"page": '{% include "part" %}', "part": BASE},
}  # fmt: skip


@pytest.mark.parametrize("sources", [*LINKED.values(), *LEFT.values()], ids=[*LINKED, *LEFT])
def test_it_shows_what_django_shows(sources: dict[str, str]) -> None:
    shown = [
        [
            page.render(Context({"x": x, "numbers": [3, 4, 5], "name": "base", "middle": "middle"}))
            for x in ("1", "<2>", "1")
        ]
        for page in (load(OURS, sources), load(DJANGOS, sources))
    ]
    assert shown[0] == shown[1]
    assert len(set(shown[0])) == 2


@pytest.mark.parametrize("sources", LINKED.values(), ids=LINKED)
def test_nothing_is_left_to_be_put_in(sources: dict[str, str]) -> None:
    assert not parts(load(OURS, sources))


@pytest.mark.parametrize("sources", LEFT.values(), ids=LEFT)
def test_what_cannot_be_known_is_left(sources: dict[str, str]) -> None:
    assert parts(load(OURS, sources))


def test_a_missing_part_is_told_where_it_would_be_shown() -> None:
    page = load(OURS, {"page": '{% if x %}{% include "none" %}{% endif %}.'})
    assert page.render(Context()) == "."
    with pytest.raises(TemplateDoesNotExist, match="none"):
        page.render(Context({"x": True}))


def test_a_missing_parent_is_told() -> None:
    with pytest.raises(TemplateDoesNotExist, match="none"):
        load(OURS, {"page": '{% extends "none" %}'}).render(Context())


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_the_shop_are_put_together(name: str) -> None:
    assert not parts(get_template(name).template)  # type: ignore[attr-defined]  # Django's backend has it
