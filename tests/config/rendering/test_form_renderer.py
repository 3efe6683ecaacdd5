"""The form renderer writes what Django's templates write."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.forms.renderers import TemplatesSetting
from django.forms.utils import ErrorDict
from django.utils import translation
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

import config.urls  # noqa: F401 - the forms of every page
from config.rendering.form_renderer import FormRenderer

OURS, DJANGOS = FormRenderer(), TemplatesSetting()
APPS = {"config", "cart", "checkout", "inventory", "payments", "shipping"}
HOSTILE = "\"><script>alert('1')</script>&amp; ção"


def _forms(form: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    for subclass in form.__subclasses__():
        if subclass.__module__.split(".")[0] in APPS and getattr(subclass, "base_fields", None):
            yield subclass
        yield from _forms(subclass)


FORMS = sorted(set(_forms()), key=lambda form: (form.__module__, form.__qualname__))
LANGUAGES = [code for code, _name in settings.LANGUAGES]


def _with_fields_of(form: type[forms.BaseForm]) -> type[forms.Form]:
    return type("Copy", (forms.Form,), dict(form.base_fields))  # type: ignore[attr-defined]


def _is_multiple(field: forms.Field) -> bool:
    return isinstance(field, forms.MultipleChoiceField | forms.ModelMultipleChoiceField)


def _drawn(form: type[forms.Form], renderer: TemplatesSetting, **state: Any) -> dict[str, str]:
    drawn = form(renderer=renderer, **state)
    assert isinstance(drawn.errors, ErrorDict)
    return {name: str(drawn[name]) + drawn[name].as_hidden() for name in drawn.fields}


def test_the_forms_of_the_shop_are_found() -> None:
    assert {"DeliveryForm", "PaymentForm", "CatalogueForm", "RefundForm"} <= {form.__name__ for form in FORMS}


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.__module__}.{form.__qualname__}")
def test_a_form_looks_the_same_in_every_state(form: type[forms.BaseForm], language: str) -> None:
    copy = _with_fields_of(form)
    states: list[dict[str, Any]] = [
        {},
        {"initial": dict.fromkeys(copy.base_fields, HOSTILE)},
        {"initial": {name: [1234] if _is_multiple(field) else 1234 for name, field in copy.base_fields.items()}},
        {"data": {}},
        {"data": dict.fromkeys(copy.base_fields, HOSTILE)},
        {"data": dict.fromkeys(copy.base_fields, "SP"), "prefix": "second"},
        {"data": {"state": "SP"}, "auto_id": False},
    ]
    with translation.override(language):
        for state in states:
            assert _drawn(copy, OURS, **state) == _drawn(copy, DJANGOS, **state)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.text(alphabet="<>&\"' aç%{}", max_size=6),
    st.text(alphabet="<b>&", max_size=6).map(mark_safe),
    st.text(alphabet="<b>&", max_size=6).map(lazystr),
    st.integers(-2000, 200_000),
    st.decimals(-2000, 20_000, places=2),
    st.just(date(2026, 11, 29)),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["class", "data-x", "required", 'x"y']), VALUES, max_size=3)
INPUTS = [
    forms.TextInput, forms.NumberInput, forms.EmailInput, forms.URLInput, forms.PasswordInput, forms.HiddenInput,
    forms.DateInput, forms.DateTimeInput, forms.TimeInput, forms.CheckboxInput, forms.Textarea,
]  # fmt: skip


@given(value=VALUES, attributes=ATTRIBUTES, language=st.sampled_from(LANGUAGES))
@pytest.mark.parametrize("widget", INPUTS)
def test_an_input_looks_the_same(
    widget: type[forms.Widget], value: object, attributes: dict[str, object], language: str
) -> None:
    drawn = widget(attributes)
    with translation.override(language):
        assert drawn.render("a<b", value, renderer=OURS) == drawn.render("a<b", value, renderer=DJANGOS)


CHOICES = st.lists(st.tuples(VALUES, VALUES), max_size=3)
GROUPED = st.lists(st.tuples(VALUES, st.one_of(VALUES, CHOICES)), max_size=4)
SELECTS = [forms.Select, forms.SelectMultiple, forms.NullBooleanSelect, forms.RadioSelect]


@given(choices=GROUPED, chosen=st.sampled_from(["", "1", "<", None]), attributes=ATTRIBUTES)
@pytest.mark.parametrize("widget", SELECTS)
def test_a_select_looks_the_same(
    widget: type[forms.Select], choices: list[Any], chosen: str | None, attributes: dict[str, object]
) -> None:
    drawn = widget(attributes)
    drawn.choices = choices
    with translation.override("pt-br"):
        assert drawn.render("state", chosen, renderer=OURS) == drawn.render("state", chosen, renderer=DJANGOS)


class Coloured(forms.Select):
    """With a template of its own for each option."""

    option_template_name = "django/forms/widgets/radio_option.html"


def test_a_select_with_options_of_its_own_is_left_to_its_templates() -> None:
    drawn = Coloured(choices=[(Decimal("1.5"), "One and a half")])
    assert drawn.render("state", "1.5", renderer=OURS) == drawn.render("state", "1.5", renderer=DJANGOS)
    assert "<label>" in drawn.render("state", "1.5", renderer=OURS)
