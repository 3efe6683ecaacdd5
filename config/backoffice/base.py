"""What all apps' admins share: read-only rows, money, timestamps, tags, refusals as messages, and the audit log."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, Union
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import Media, ModelChoiceField, ModelMultipleChoiceField, TextInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.audit import events
from config.audit import services as audit
from config.backoffice.edit_conflicts import EditConflictsAdmin, StoredFileField
from config.db.statuses import QUIET, StatusChoices
from config.exceptions import Refusal
from config.form_fields import CountField, MoneyField
from config.formats import money

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Text = Union[str, "_StrPromise"]

admin.site.site_header = _("Esteira back office")
admin.site.site_title = "Esteira"
admin.site.index_title = _("Dashboard")
admin.site.empty_value_display = "–"

ModelT = TypeVar("ModelT", bound=models.Model)
NOTHING = "–"


def tag(text: object, tone: str = QUIET) -> SafeString:
    """Text on a tinted background."""
    return format_html('<span class="tag tag-{}">{}</span>', tone, text)


def status_tag(status: str, statuses: type[StatusChoices]) -> SafeString:
    """A status in the reader's language and its own tone; a status unknown to this release is shown as it is."""
    if status not in statuses:
        return tag(status)
    known = statuses(status)
    return tag(known.label, known.tone)


def amount(value: Decimal | None, currency: str) -> SafeString | str:
    """Money with its currency, on one line."""
    return NOTHING if value is None else format_html('<span class="money">{}</span>', money(value, currency))


def moment(value: datetime | None) -> str:
    """Date and minute in the shop's time zone, in the short format of the reader's language."""
    return date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT") if value else NOTHING


def moment_of(field: str, title: Text) -> Callable[[Any], str]:
    """A list column: the timestamp in `field`, in short format and sortable."""

    @admin.display(description=title, ordering=field)
    def shown(row: Any) -> str:
        return moment(getattr(row, field))

    shown.__name__ = field
    return shown


_reference_page = ""


def link_references_to(page: str) -> None:
    """Link references to the page with this URL name, which takes one. Called by the app that issues them."""
    global _reference_page
    _reference_page = page


def reference_link(reference: str) -> SafeString | str:
    """A link to the page of a reference that the app itself does not interpret."""
    if not reference:
        return NOTHING
    return format_html('<a href="{}">{}</a>', reverse(_reference_page, args=[reference]), reference)


@dataclass(frozen=True)
class Fact:
    """One line of a fact list: its name and value."""

    name: Text
    value: object


def facts(*pairs: tuple[Text, object]) -> list[Fact]:
    """The facts that have a value."""
    return [Fact(name, value) for name, value in pairs if value not in (None, "", NOTHING)]


class ReadOnly(BaseModelAdmin[ModelT]):
    """Rows that staff can view but not edit: what happened, and what was agreed."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# It logs deletions before they happen, even those that then fail; rows are deleted one by one.
admin.site.disable_action("delete_selected")


class Audited(EditConflictsAdmin[ModelT]):
    """The base of every admin: numbers are read alike in every language, what others have changed since a form was
    opened is not undone, and changes made in its forms are written to the audit log, in the form's own transaction.

    `audited_values` are the fields whose values may be logged (None: all); the others are only logged as changed.
    """

    audited_values: tuple[str, ...] | None = None
    # All decimals of the shop are money. `vIntegerField` is the width of Django's own field for counts.
    formfield_overrides = {
        models.DecimalField: {"form_class": MoneyField},
        models.FileField: {"form_class": StoredFileField},
        models.IntegerField: {"form_class": CountField, "widget": TextInput(attrs={"class": "vIntegerField"})},
    }

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """The values before and after, for `log_change` and `log_addition`."""
        names = form.changed_data
        rows_below = {formset.prefix: "…" for formset in formsets or () if formset.has_changed()}
        return {
            "before": {} if add else {name: self._loggable(name, _initial(form, name)) for name in names},
            "after": {name: self._loggable(name, form.cleaned_data.get(name)) for name in names} | rows_below,
        }

    def _loggable(self, name: str, value: object) -> object:
        return value if self.audited_values is None or name in self.audited_values else "…"

    def log_addition(self, request: HttpRequest, obj: ModelT, message: Any) -> Any:
        return self._record(request, events.ADD, obj, message)

    def log_change(self, request: HttpRequest, obj: ModelT, message: Any) -> Any:
        """Nothing for a form that was saved as it was opened: the log tells who changed a row."""
        if isinstance(message, Mapping) and not message["after"]:
            return None
        return self._record(request, events.CHANGE, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return [audit.record(request.user, events.DELETE, row) for row in queryset]

    def _record(self, request: HttpRequest, verb: events.AuditEvent, row: ModelT, message: Any) -> Any:
        changes = message if isinstance(message, Mapping) else {"reason": str(message)}
        return audit.record(request.user, verb, row, **changes)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit log, filtered to this row."""
        wanted = urlencode({"object_type": self.opts.label_lower, "object_id": object_id})
        return HttpResponseRedirect(f"{reverse('admin:audit_entry_changelist')}?{wanted}")


def _initial(form: Any, name: str) -> object:
    """A field's previous value; for a foreign key the row instead of its id."""
    value, field = form.initial.get(name), form.fields.get(name)
    if isinstance(field, ModelChoiceField) and not isinstance(field, ModelMultipleChoiceField):
        return field.queryset.filter(pk=value).first() if field.queryset is not None else value
    return value


class FactsAdmin(ReadOnly[ModelT], Audited[ModelT]):
    """A read-only list. No full result count, since these tables only grow."""

    show_full_result_count = False
    list_per_page = 50


class FactsInline(ReadOnly[Any], admin.TabularInline[Any, Any]):
    extra = 0
    can_delete = False
    show_change_link = False


class PageAdmin(FactsAdmin[ModelT]):
    """Read-only rows with a page of their own instead of a form: `page_template`, rendered with `page_context`."""

    page_template: str

    def page_queryset(self, request: HttpRequest) -> models.QuerySet[ModelT]:
        """The queryset for the page's row, with everything that the page shows."""
        return self.get_queryset(request)

    def page_context(self, request: HttpRequest, row: ModelT) -> dict[str, Any]:
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.fetch_row(request, object_id)
        if row is None:
            return self.not_found(request, object_id)
        return self.render_page(request, row, self.page_template, self.page_context(request, row))

    def fetch_row(self, request: HttpRequest, object_id: str) -> ModelT | None:
        """The row, or None if there is none. Raises PermissionDenied if the user may not view it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.page_queryset(request).filter(pk=_number(object_id)).first()

    def not_found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined,no-any-return]
            request, self.opts, object_id
        )

    def render_page(
        self, request: HttpRequest, row: ModelT, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """Render `template`, a child of `admin/page.html`, with the admin's own context and `context`."""
        frame = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": str(row),
            "media": Media(),
        }
        return TemplateResponse(request, template, {**frame, **context}, status=status)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


class RefusalsAsMessages(Audited[ModelT]):
    """A form whose service may refuse: nothing is written then, and the form is shown again with the reason above."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            vars(request)["_refused"] = True
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: ModelT | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refused = vars(request).get("_refused", False)
        return form


class ChoiceFilter(admin.SimpleListFilter):
    """A filter with fixed choices; `choices_offered` are (query parameter's value, label)."""

    choices_offered: Iterable[tuple[str, Text]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(self.choices_offered)


def titled(title: Text) -> type[admin.FieldListFilter]:
    """Django's default filter for a field, under another title: `("payment__status", titled(_("…")))`."""

    class Titled(admin.FieldListFilter):
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            chosen = admin.FieldListFilter.create(*args, **kwargs)
            chosen.title = title
            return chosen

    return Titled
