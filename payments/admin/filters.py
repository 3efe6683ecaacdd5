"""Filters and columns that the lists of money share."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.backoffice.base import ChoiceFilter, moment_of

CREATED = moment_of("created_at", _("created"))


class OpenSinceFilter(ChoiceFilter):
    """Unsettled rows; `open_statuses` are the statuses that count as open."""

    title = _("open for more than")
    parameter_name = "open"
    choices_offered = (("5", _("5 minutes")), ("60", _("an hour")), ("1440", _("a day")))
    open_statuses: tuple[str, ...] = ()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        minutes = self.value()
        if minutes not in {value for value, _text in self.choices_offered}:
            return queryset
        since = timezone.now() - timedelta(minutes=int(minutes or 0))
        return queryset.filter(status__in=self.open_statuses, created_at__lt=since)
