"""Shipping methods, their rates, and quotes."""

import uuid
from datetime import datetime
from typing import ClassVar, TypedDict

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction
from config.form_fields import check_currency
from config.formats import translated
from config.money import CURRENCIES, ZERO

POSTAL_CODE_DIGITS = r"^[0-9]{8}$"
postal_code_validator = RegexValidator(POSTAL_CODE_DIGITS, _("Enter 8 digits, without a dash."))


class ShippingMethodQuerySet(models.QuerySet["ShippingMethod"]):
    def for_update(self, codes: list[str]) -> list["ShippingMethod"]:
        """The methods with these codes, rows locked in order of primary key. Raises LockOutsideTransaction."""
        require_transaction()
        return list(self.filter(code__in=codes).order_by("pk").select_for_update())


class ShippingMethod(models.Model):
    """A shipping method. `name` is shown translated if there is a translation, else as entered."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    active = models.BooleanField(_("active"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = ShippingMethodQuerySet.as_manager()

    class Meta:
        verbose_name = _("shipping method")
        verbose_name_plural = _("shipping methods")
        ordering = ("position", "code")

    def __str__(self) -> str:
        return translated(self.name)


class RateBoundaries(TypedDict):
    """The postal codes at which rates begin and end."""

    first: list[str]
    last: list[str]


class ShippingRateQuerySet(models.QuerySet["ShippingRate"]):
    def on_offer(self, currency: str) -> "ShippingRateQuerySet":
        return self.filter(method__active=True, currency=currency)

    def boundaries(self) -> RateBoundaries:
        """One statement returning one row, regardless of the number of rates."""
        found = self.aggregate(
            first=ArrayAgg("postal_code_from", distinct=True, default=Value([])),
            last=ArrayAgg("postal_code_to", distinct=True, default=Value([])),
        )
        return RateBoundaries(first=found["first"], last=found["last"])

    def reaching(self, postal_code: str) -> "ShippingRateQuerySet":
        """All rates that cover one postal code, methods joined."""
        return (
            self.filter(postal_code_from__lte=postal_code, postal_code_to__gte=postal_code)
            .select_related("method")
            .order_by("method__position", "method__code", "weight_to_grams")
        )


def _range(first: F | Cast, last: F | Cast, bounds: str) -> Func:
    return Func(first, last, Value(bounds), function="int4range", output_field=IntegerRangeField())


class ShippingRate(models.Model):
    """The price of one box, for postal codes from `postal_code_from` to `postal_code_to` (both inclusive) and weights
    above `weight_from_grams` up to and including `weight_to_grams`. Rates of a method never overlap."""

    method = models.ForeignKey(
        ShippingMethod, on_delete=models.CASCADE, related_name="rates", verbose_name=_("shipping method")
    )
    state = models.CharField(_("state"), max_length=2)
    postal_code_from = models.CharField(_("first postal code"), max_length=8, validators=[postal_code_validator])
    postal_code_to = models.CharField(_("last postal code"), max_length=8, validators=[postal_code_validator])
    weight_from_grams = models.PositiveIntegerField(_("above (g)"))
    weight_to_grams = models.PositiveIntegerField(_("up to (g)"))
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="BRL", validators=[check_currency])
    min_days = models.PositiveSmallIntegerField(_("working days, at least"))
    max_days = models.PositiveSmallIntegerField(_("working days, at most"))

    objects = ShippingRateQuerySet.as_manager()

    class Meta:
        verbose_name = _("shipping rate")
        verbose_name_plural = _("shipping rates")
        ordering = ("method", "postal_code_from", "weight_from_grams")
        indexes: ClassVar = [
            models.Index(fields=["currency", "postal_code_from", "postal_code_to"], name="shipping_rate_by_range"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(postal_code_from__regex=POSTAL_CODE_DIGITS, postal_code_to__regex=POSTAL_CODE_DIGITS),
                name="shipping_rate_postal_codes_have_8_digits",
            ),
            models.CheckConstraint(
                condition=Q(postal_code_from__lte=F("postal_code_to")),
                name="shipping_rate_postal_codes_in_order",
            ),
            models.CheckConstraint(
                condition=Q(weight_from_grams__lt=F("weight_to_grams")),
                name="shipping_rate_weights_in_order",
            ),
            models.CheckConstraint(condition=Q(min_days__lte=F("max_days")), name="shipping_rate_days_in_order"),
            models.CheckConstraint(condition=Q(price__gte=ZERO), name="shipping_rate_price_not_negative"),
            models.CheckConstraint(condition=Q(currency__in=CURRENCIES), name="shipping_rate_currency_is_known"),
            ExclusionConstraint(
                name="shipping_rate_one_price_per_case",
                expressions=[
                    ("method", RangeOperators.EQUAL),
                    ("currency", RangeOperators.EQUAL),
                    (
                        _range(
                            Cast("postal_code_from", models.IntegerField()),
                            Cast("postal_code_to", models.IntegerField()),
                            "[]",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (_range(F("weight_from_grams"), F("weight_to_grams"), "(]"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_("Another rate of this method covers some of these postal codes and weights."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.state} {self.postal_code_from}–{self.postal_code_to} ≤ {self.weight_to_grams} g"


class QuoteQuerySet(models.QuerySet["Quote"]):
    def expired_before(self, moment: datetime) -> "QuoteQuerySet":
        return self.filter(expires_at__lt=moment)


class Quote(models.Model):
    """A binding price for one parcel to one postal code, until it expires. Immutable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(_("reference"), max_length=64, db_index=True)
    method_code = models.CharField(_("method code"), max_length=40)
    method_name = models.CharField(_("method name"), max_length=80)
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    min_days = models.PositiveSmallIntegerField(_("working days, at least"))
    max_days = models.PositiveSmallIntegerField(_("working days, at most"))
    postal_code = models.CharField(_("postal code"), max_length=8)
    parcel_fingerprint = models.CharField(_("parcel fingerprint"), max_length=64)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), db_index=True)

    objects = QuoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("shipping quote")
        verbose_name_plural = _("shipping quotes")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price__gte=ZERO), name="shipping_quote_price_not_negative"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="shipping_quote_expires_after_it_is_made"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.currency} {self.price}"

    @property
    def name(self) -> str:
        """The method's name in the reader's language."""
        return translated(self.method_name)
