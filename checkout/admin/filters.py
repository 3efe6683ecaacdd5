"""Filters of the order and outbox lists."""

from datetime import timedelta
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.models import Order, OrderQuerySet, OrderStatus, OutboxMessage
from config.backoffice.base import ChoiceFilter


class AwaitingFilter(ChoiceFilter):
    title = _("awaiting payment for more than")
    parameter_name = "awaiting"
    choices_offered = (("5", _("5 minutes")), ("30", _("30 minutes")), ("60", _("an hour")), ("1440", _("a day")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        minutes = self.value()
        if minutes not in {value for value, _text in self.choices_offered}:
            return queryset
        since = timezone.now() - timedelta(minutes=int(minutes or 0))
        return queryset.filter(status=OrderStatus.AWAITING_PAYMENT, placed_at__lt=since)


class GivenUpFilter(ChoiceFilter):
    title = _("abandoned at payment")
    parameter_name = "given_up"
    choices_offered = (("hour", _("within an hour")), ("day", _("within a day")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        ages = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
        age = ages.get(self.value() or "")
        return cast(OrderQuerySet, queryset).given_up(timezone.now() - age) if age else queryset


class ParcelsFilter(ChoiceFilter):
    title = _("parcels")
    parameter_name = "parcels"
    choices_offered = (
        ("to_send", _("still to be sent")),
        ("partly", _("partly shipped")),
        ("astray", _("not delivered, or returned to sender")),
        ("labels", _("with labels that are not finished")),
    )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        orders = cast(OrderQuerySet, queryset)
        if self.value() == "to_send":
            return orders.to_ship()
        if self.value() == "partly":
            return orders.partly_shipped()
        if self.value() == "astray":
            return orders.with_parcels_astray()
        if self.value() == "labels":
            return orders.with_labels_stuck()
        return orders


class ReturnsFilter(ChoiceFilter):
    title = _("returns")
    parameter_name = "returns"
    choices_offered = (("open", _("to be dealt with")),)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return cast(OrderQuerySet, queryset).with_open_returns() if self.value() == "open" else queryset


class SentFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "sent"
    choices_offered = (("no", _("waiting")), ("failing", _("waiting, failed before")), ("yes", _("sent")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        wanted: dict[str, dict[str, Any]] = {
            "no": {"sent_at": None},
            "failing": {"sent_at": None, "last_error__gt": ""},
            "yes": {"sent_at__isnull": False},
        }
        return queryset.filter(**wanted.get(self.value() or "", {}))
