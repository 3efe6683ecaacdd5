"""The questions that staff ask of orders: how long has this been waiting, and which one does this caller mean?"""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.models import Order, OrderLine, OrderStatus, OutboxMessage
from config.admin import ChoiceFilter
from payments.models import PaymentAttempt, Refund


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


class SentFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "sent"
    choices_offered = (("no", _("waiting")), ("failing", _("waiting, and failed before")), ("yes", _("sent")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        wanted: dict[str, dict[str, Any]] = {
            "no": {"sent_at": None},
            "failing": {"sent_at": None, "last_error__gt": ""},
            "yes": {"sent_at__isnull": False},
        }
        return queryset.filter(**wanted.get(self.value() or "", {}))


def search_orders(queryset: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Orders by number, e-mail, name, CEP, SKU of a line, or the provider's reference. No join, so no duplicates."""
    text = text.strip()
    if not text:
        return queryset
    lines = OrderLine.objects.filter(order=OuterRef("pk"), sku__iexact=text)
    attempts = PaymentAttempt.objects.filter(payment=OuterRef("payment"), provider_reference=text)
    refunds = Refund.objects.filter(payment=OuterRef("payment"), provider_reference=text)
    digits = text.replace("-", "").replace(".", "").replace(" ", "")
    return queryset.filter(
        Q(number__istartswith=text)
        | Q(email__icontains=text)
        | Q(name__icontains=text)
        | Q(postal_code=digits or text)
        | Exists(lines)
        | Exists(attempts)
        | Exists(refunds)
    )
