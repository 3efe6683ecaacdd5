"""The filter of an admin list that shows what needs a person, as the money page and the alerts count it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.telemetry.attention import attention_items


class AttentionFilter(admin.SimpleListFilter):
    title = _("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        meta = model_admin.opts
        model = f"{meta.app_label}_{meta.model_name}"
        return [(item.name, item.title) for item in attention_items() if item.model == model]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for item in attention_items():
            rows = item.rows() if item.name == self.value() else None
            if isinstance(rows, QuerySet):
                return queryset.filter(pk__in=rows.order_by().values("pk"))
        return queryset
