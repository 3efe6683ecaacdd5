"""The audit log in the admin, read-only: who did what, when, to which order."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.accounts.models import User
from config.audit.events import SIGN_IN_FAILED, all_events, label_for
from config.audit.models import Entry
from config.backoffice.base import NOTHING, ChoiceFilter, FactsAdmin, moment_of, reference_link
from config.backoffice.exports import Exported


class WhoFilter(ChoiceFilter):
    title = _("who")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        staff = User.objects.filter(is_staff=True).order_by("email").values_list("pk", "email")
        return [("shop", _("the shop itself")), *((str(pk), email) for pk, email in staff)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        chosen = self.value() or ""
        if chosen == "shop":
            return queryset.filter(actor_id=None).exclude(verb=SIGN_IN_FAILED.name)
        return queryset.filter(actor_id=int(chosen)) if chosen.isdecimal() else queryset


class VerbFilter(ChoiceFilter):
    title = _("what was done")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(event.name, event.label) for event in all_events()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


@admin.register(Entry)
class EntryAdmin(Exported[Entry], FactsAdmin[Entry]):
    list_display = (moment_of("at", _("when")), "who", "what", "object_shown", "order", "reason", "change")
    list_filter = (WhoFilter, VerbFilter)
    date_hierarchy = "at"
    search_fields = ("reference__istartswith", "object_name__istartswith", "actor__istartswith", "request_id__exact")
    search_help_text = _("The order number, the object's name, who did it, or a request ID.")
    fields = readonly_fields = ("at", "who", "what", "object_shown", "order", "reason", "change", "request_id")

    export_columns = (
        (_("when"), lambda entry: entry.at),
        (_("who"), lambda entry: entry.actor),
        (_("what"), lambda entry: label_for(entry.verb)),
        (_("kind of thing"), lambda entry: entry.object_type),
        (_("on"), lambda entry: entry.object_name),
        (_("order"), lambda entry: entry.reference),
        (_("reason"), lambda entry: entry.reason),
        (_("before"), lambda entry: json.dumps(entry.before, ensure_ascii=False) if entry.before else ""),
        (_("after"), lambda entry: json.dumps(entry.after, ensure_ascii=False) if entry.after else ""),
        (_("request"), lambda entry: entry.request_id),
    )

    class Media:
        css = {"all": ["esteira/admin_cards.css"]}

    @admin.display(description=_("who"), ordering="actor")
    def who(self, entry: Entry) -> str:
        return entry.actor or str(_("someone") if entry.verb == SIGN_IN_FAILED.name else _("the shop itself"))

    @admin.display(description=_("what"), ordering="verb")
    def what(self, entry: Entry) -> str:
        return label_for(entry.verb)

    @admin.display(description=_("on"), ordering="object_name")
    def object_shown(self, entry: Entry) -> SafeString:
        return format_html("{}<small>{}</small>", entry.object_name or NOTHING, entry.object_type)

    @admin.display(description=_("order"), ordering="reference")
    def order(self, entry: Entry) -> SafeString | str:
        return reference_link(entry.reference)

    @admin.display(description=_("change"))
    def change(self, entry: Entry) -> SafeString | str:
        """Each value that changed: before → after."""
        before, after = entry.before or {}, entry.after or {}
        names = [*before, *(name for name in after if name not in before)]
        lines = ((name, _text(before, name), _text(after, name)) for name in names)
        return format_html_join("", "<div>{}: {} → {}</div>", lines) or NOTHING


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None or value == "":
        return NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
