"""A form takes no more than the column behind it holds, and what its twin in the API takes."""

from collections.abc import Iterator

import pytest
from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from rest_framework import serializers

import config.urls  # noqa: F401  loads every form
from cart.api import DeliverySerializer, NewLineSerializer
from checkout.api import CheckoutSerializer, ReturnInput
from config.accounts.api import NameInput, SignInInput, SignUpInput
from shipping.documents import NewAddressSerializer
from tests.architecture.test_locks_and_network import APPS

# Where the text of a field is kept or looked up, and the fields of the API that take the same.
TWINS: dict[str, tuple[str, list[serializers.Field]]] = {
    "checkout.DeliveryForm.email": ("cart.Cart.email", [DeliverySerializer().fields["email"]]),
    "checkout.DeliveryForm.phone": ("cart.Cart.phone", [DeliverySerializer().fields["phone"]]),
    # Longer than its column: typed with signs in between, kept without.
    "checkout.DeliveryForm.tax_id": ("", [DeliverySerializer().fields["tax_id"]]),
    **{
        f"checkout.DeliveryForm.{name}": (f"cart.Cart.{column}", [NewAddressSerializer().fields[name]])
        for name, column in [
            ("name", "name"), ("street", "street"), ("number", "street_number"), ("complement", "complement"),
            ("district", "district"), ("city", "city"),
        ]
    },
    "checkout.DeliveryForm.postal_code": ("", [NewAddressSerializer().fields["postal_code"]]),
    "cart.PostalCodeForm.postal_code": ("", [NewAddressSerializer().fields["postal_code"]]),
    "cart.AddForm.sku": ("inventory.Product.sku", [NewLineSerializer().fields["sku"]]),
    "checkout.PaymentForm.payment_method": ("", [CheckoutSerializer().fields["payment_method"]]),
    "checkout.PaymentForm.cart": ("cart.Cart.token", []),
    "checkout.PaymentForm.idempotency_key": ("checkout.IdempotencyKey.key", []),
    "checkout.SavedAddressForm.address": ("", []),
    "checkout.FindOrderForm.email": ("checkout.Order.email", []),
    "config.FinishSignUpForm.full_name": (
        "accounts.User.full_name", [SignUpInput().fields["full_name"], NameInput().fields["full_name"]],
    ),
    "config.SignUpForm.email": ("accounts.SignUp.email", [SignUpInput().fields["email"]]),
    "config.FinishSignUpForm.password": ("", [SignUpInput().fields["password"]]),
    "config.SignInForm.email": ("accounts.User.email", [SignInInput().fields["email"]]),
    "config.SignInForm.password": ("", [SignInInput().fields["password"]]),
    "config.PasswordResetForm.email": ("accounts.User.email", []),
    "config.AskForm.email": ("personal_data.DataRequest.email", []),
    "config.NewPasswordForm.password": ("", [SignUpInput().fields["password"]]),
    "config.ChangePasswordForm.oldpassword": ("", [SignInInput().fields["password"]]),
    "config.ChangePasswordForm.password1": ("", [SignUpInput().fields["password"]]),
    "config.ReasonForm.reason": ("audit.Entry.reason", []),
    "checkout.ReasonForm.reason": ("payments.Refund.reason", []),
    "checkout.ReasonForm.key": ("payments.Refund.idempotency_key", []),
    "checkout.RefundForm.reason": ("payments.Refund.reason", []),
    "checkout.RefundForm.key": ("payments.Refund.idempotency_key", []),
    **{
        f"checkout.{form}.{name}": (f"checkout.Shipment.{name}", [])
        for form in ("TrackingForm", "ParcelForm")
        for name in ("carrier", "service", "tracking_code", "tracking_url")
    },
    "checkout.ReturnForm.reason": ("checkout.Return.reason", [ReturnInput().fields["reason"]]),
    "checkout.ReturnAnswerForm.answer": ("checkout.Return.answer", []),
    **{f"checkout.{form}.key": ("", []) for form in ("UnitsForm", "ParcelForm", "LabelForm", "ReturnForm")},
    "checkout.ParcelSheetForm.sheet": ("", []),
    "inventory.StockForm.reason": ("audit.Entry.reason", []),
    "payments.DisputeForm.note": ("payments.Dispute.note", []),
    "payments.StrayChargeForm.note": ("payments.StrayCharge.note", []),
}  # fmt: skip
# Only compared, never kept, and of a length of their own.
LOOKED_UP = {"checkout.FindOrderForm.number", "inventory.CatalogueForm.search", "inventory.CatalogueForm.category"}
# Django's own, and kept as a hash.
DJANGOS = {"config.UserCreationForm.password1", "config.UserCreationForm.password2"}
# What a uuid4 may be written as.
UUID_LENGTH = 36


def forms_of(kind: type[forms.BaseForm]) -> Iterator[type[forms.BaseForm]]:
    for child in kind.__subclasses__():
        if child.__module__.partition(".")[0] in APPS:
            yield child
        yield from forms_of(child)


def text_fields() -> dict[str, forms.CharField]:
    """Those that the shop's own forms declare; what Django derives from a model has the column's limits."""
    found = {}
    for form in forms_of(forms.BaseForm):
        for name, field in getattr(form, "declared_fields", {}).items():
            if isinstance(field, forms.CharField):
                found[f"{form.__module__.partition('.')[0]}.{form.__name__}.{name}"] = field
    return found


def limit_of(field: forms.CharField) -> int | None:
    return UUID_LENGTH if isinstance(field, forms.UUIDField) else field.max_length


# What a delivery and an account are made of; of a password there is only the hash.
KEPT_AS_TYPED = [
    name
    for name in TWINS
    if name.startswith(("checkout.DeliveryForm.", "config.SignUpForm.", "config.FinishSignUpForm."))
    and not name.endswith(".password")
]
FIELDS = {name: field for name, field in text_fields().items() if name not in DJANGOS}


def test_every_field_for_text_is_compared() -> None:
    assert set(FIELDS) == set(TWINS) | LOOKED_UP


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_for_text_has_a_limit(name: str) -> None:
    assert limit_of(FIELDS[name]) is not None


@pytest.mark.parametrize(("name", "column"), [(name, column) for name, (column, _twins) in TWINS.items() if column])
def test_the_column_holds_what_the_form_takes(name: str, column: str) -> None:
    app, model, field = column.split(".")
    limit = apps.get_model(app, model)._meta.get_field(field).max_length
    assert limit is not None
    assert (limit_of(FIELDS[name]) or limit + 1) <= limit


@pytest.mark.parametrize(("name", "twin"), [(name, twin) for name, (_column, twins) in TWINS.items() for twin in twins])
def test_the_api_takes_what_the_form_takes(name: str, twin: serializers.CharField) -> None:
    assert limit_of(FIELDS[name]) == twin.max_length


@pytest.mark.parametrize("name", KEPT_AS_TYPED)
@pytest.mark.parametrize("broken", ["Ana\nSouza", "Ana\rSouza", "01310\x0b200", "11987\x9f65432"])
def test_neither_takes_line_breaks(name: str, broken: str) -> None:
    with pytest.raises(ValidationError):
        FIELDS[name].clean(broken)
    for twin in TWINS[name][1]:
        with pytest.raises(serializers.ValidationError):
            twin.run_validation(broken)


@pytest.mark.parametrize("api", [DeliverySerializer, NewAddressSerializer, SignUpInput])
def test_the_api_knows_no_text_that_no_form_has(api: type[serializers.Serializer]) -> None:
    """Nothing slips in by a field that has no form: each is in the table above."""
    compared = {(type(twin.parent), twin.field_name) for _column, twins in TWINS.values() for twin in twins}
    text = {name for name, field in api().fields.items() if isinstance(field, serializers.CharField)}
    assert {(api, name) for name in text} <= compared
