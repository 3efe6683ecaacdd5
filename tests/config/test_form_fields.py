"""Numbers that people type: read alike in both languages, shown as they are read, refused where they are ambiguous."""

from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from config.form_fields import AmbiguousNumber, CountField, MoneyField, decimal_sign_of, read_number

LANGUAGES = ("en", "pt-br")
money = MoneyField(max_digits=12)
count = CountField(min_value=0)
unhurried = settings(deadline=None)
amounts = st.decimals(min_value=0, max_value=Decimal("9999999999.99"), places=2)
in_both = pytest.mark.parametrize("language", LANGUAGES)


def read(field: forms.Field, typed: str, language: str) -> object:
    with translation.override(language):
        return field.clean(typed)


def refusal(field: forms.Field, typed: str, language: str = "en") -> str:
    with translation.override(language), pytest.raises(ValidationError) as refused:
        field.clean(typed)
    with translation.override(language):
        return " ".join(refused.value.messages)


@in_both
@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("10,50", "10.50"),
        ("10.50", "10.50"),
        ("10,5", "10.50"),
        (" 10 ", "10.00"),
        ("0,07", "0.07"),
        ("1434,12", "1434.12"),
        ("1434.12", "1434.12"),
        ("1.434,12", "1434.12"),
        ("1,434.12", "1434.12"),
        ("1.234.567,8", "1234567.80"),
        ("1,234,567", "1234567.00"),
        ("1.234.567", "1234567.00"),
    ],
)
def test_an_amount_is_the_same_in_every_language(typed: str, amount: str, language: str) -> None:
    value = read(money, typed, language)
    assert value == Decimal(amount)
    assert str(value) == amount


@in_both
@pytest.mark.parametrize("typed", ["1,050", "10.500", "0.500", "1050,500"])
def test_an_amount_that_can_be_read_in_two_ways_is_refused(typed: str, language: str) -> None:
    words = {"en": "can be read in two ways", "pt-br": "pode ser lido de duas maneiras"}
    assert f"{typed} {words[language]}" in refusal(money, typed, language)


def test_the_refusal_shows_how_to_write_it() -> None:
    assert refusal(money, "1,050").endswith("such as 1050.00.")
    assert refusal(money, "1,050", "pt-br").endswith("por exemplo 1050,00.")


@in_both
@pytest.mark.parametrize(
    "typed",
    [
        *("1,43,4.12", "1.43,412.0", "12.34.56", "1234.567,00", "0.434,12", "1.434.12", "1,434.12,5", "10.505,5.5"),
        *("10,", ",", "--1", "five", "R$ 10", "1e3", "NaN", "Infinity", "1_000", "٣", "1 434,12", "10\x00", "9" * 5000),
    ],
)
def test_no_other_writing_is_an_amount(typed: str, language: str) -> None:
    assert refusal(money, typed, language)


def test_an_amount_has_at_most_two_decimals_and_is_not_negative() -> None:
    assert "2 decimal places" in refusal(money, "10,5055")
    assert "2 decimal places" in refusal(money, "1,434.123")
    assert "greater than or equal to 0" in refusal(money, "-1,50")


@in_both
@unhurried
@given(amount=amounts)
def test_what_is_shown_in_a_field_is_read_as_the_same(language: str, amount: Decimal) -> None:
    with translation.override(language):
        shown = money.prepare_value(amount)
    assert {read(money, shown, reader) for reader in LANGUAGES} == {amount}
    assert not money.has_changed(amount, shown)


@unhurried
@given(amount=amounts)
def test_an_amount_with_groups_is_read_as_the_same(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    brazilian = english.translate(str.maketrans(",.", ".,"))
    assert {read(money, typed, reader) for typed in (english, brazilian) for reader in LANGUAGES} == {amount}


@unhurried
@given(typed=st.text("0123456789.,-", max_size=14))
def test_whatever_is_typed_means_the_same_in_both_languages(typed: str) -> None:
    def meaning(field: forms.Field, language: str) -> object:
        try:
            return read(field, typed, language)
        except ValidationError:
            return "refused"

    for field in (money, count):
        assert meaning(field, "en") == meaning(field, "pt-br")


@in_both
def test_a_count_is_digits_only(language: str) -> None:
    assert read(count, " 1050 ", language) == 1050
    words = {"en": "can be read in two ways", "pt-br": "pode ser lido de duas maneiras"}
    for typed in ("1.050", "1,050", "1.000", "1 050", "5.0"):
        assert words[language] in refusal(count, typed, language)
    for typed in ("five", "1e3", "1_000", "٣", "+1", "-", "9" * 5000, "-1"):
        assert refusal(count, typed, language)


@unhurried
@given(number=st.integers(min_value=0, max_value=2**31 - 1))
def test_a_count_is_shown_as_it_is_read(number: int) -> None:
    class Form(forms.Form):
        number = CountField()

    for language in LANGUAGES:
        with translation.override(language):
            assert f'value="{number}"' in str(Form(initial={"number": number})["number"])


# Written by the page itself: a link, a button's value, a hidden field.
NOT_TYPED = {("CatalogueForm", "page"), ("QuantityForm", "to"), ("PaymentForm", "expected_total")}


def typed_fields() -> Iterator[tuple[str, str, forms.Field]]:
    """The fields of every form of the shop and of every form of the admin that staff can send."""
    request = RequestFactory().get("/")
    request.user = SimpleNamespace(has_perm=lambda *_: True, is_active=True, is_staff=True, is_superuser=True, pk=1)
    classes: set[type[forms.BaseForm]] = set()
    for model_admin in admin.site._registry.values():
        if model_admin.has_change_permission(request) or model_admin.has_add_permission(request):
            classes |= {model_admin.get_form(request), model_admin.get_changelist_formset(request).form}
    for app in ("cart", "checkout", "inventory", "config.accounts"):
        import_module(f"{app}.forms")
    import_module("checkout.admin.forms")
    pending: list[type[forms.BaseForm]] = [forms.BaseForm]
    while pending:
        subclasses = pending.pop().__subclasses__()
        pending += subclasses
        classes |= {form for form in subclasses if form.__module__.split(".")[0] in {*apps.app_configs, "config"}}
    for form in classes:
        yield from ((form.__name__, name, field) for name, field in getattr(form, "base_fields", {}).items())


def test_every_number_that_is_typed_is_read_by_one_of_these_fields() -> None:
    numbers = [found for found in typed_fields() if isinstance(found[2], forms.IntegerField)]
    assert {name for _form, name, _field in numbers} >= {"amount", "price", "on_hand", "weight_grams", "quantity"}
    by_locale = {
        (form, name)
        for form, name, field in numbers
        if not field.widget.is_hidden
        and not (isinstance(field, MoneyField | CountField) and type(field.widget) is forms.TextInput)
    }
    assert by_locale - NOT_TYPED == set()


def test_no_form_takes_a_date() -> None:
    """A date such as 03/04 is another day in each language. Whoever adds one takes it unambiguously (`type=date`)."""
    dates = (forms.fields.BaseTemporalField, forms.MultiValueField, forms.DurationField)
    assert [(form, name) for form, name, field in typed_fields() if isinstance(field, dates)] == []


def test_no_field_reads_by_locale() -> None:
    assert [(form, name) for form, name, field in typed_fields() if field.localize] == []


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        *(("10,50", ","), ("1.434,12", ","), ("1.234.567", ","), ("10,5000", ","), ("0,500", ","), ("1.050", "")),
        *(("10.5", "."), ("1,434.12", "."), ("1,234,567", "."), ("453.59237", "."), ("1,050", ""), ("10", "")),
        *(("R$ 10,50", ""), ("10,", ""), ("", "")),
    ],
)
def test_some_numbers_show_the_decimal_sign_of_their_writer(text: str, sign: str) -> None:
    assert decimal_sign_of(text) == sign


@pytest.mark.parametrize(
    ("text", "sign", "number"),
    [
        *(("1.050", ",", "1050"), ("1.050", ".", "1.050"), ("1,050", ".", "1050"), ("1,050", ",", "1.050")),
        *(("0.500", ",", "0.500"), ("1050.500", ",", "1050.500"), ("-1.050", ",", "-1050")),
        *(("10.50", ",", "10.50"), ("453.59237", "", "453.59237"), ("1.434,12", ".", "1434.12")),
    ],
)
def test_a_known_decimal_sign_decides_what_is_ambiguous_otherwise(text: str, sign: str, number: str) -> None:
    assert str(read_number(text, sign)) == number


def test_what_no_sign_can_decide_is_no_number() -> None:
    with pytest.raises(AmbiguousNumber):
        read_number("1,050")
    for text in ("dez", "10,", "1,43,4.12", "1e3"):
        with pytest.raises(ValueError, match=text):
            read_number(text, ",")
