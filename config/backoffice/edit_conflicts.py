"""Edit conflicts: a form is saved late, and its row has changed since the form was opened.

Each field carries the value that it was opened with, in a hidden field beside it (`show_hidden_initial`). So a form
knows what this person has changed, and what anybody else has changed meanwhile. Only the former is written; if there is
any of the latter, the form is shown again, with what was typed and with what has moved, and is saved the next time.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import models
from django.forms.boundfield import BoundField
from django.forms.models import _get_foreign_key
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from config.audit.services import atomic_view
from config.db.locks import require_transaction

FormT = TypeVar("FormT", bound=forms.ModelForm[Any])
ModelT = TypeVar("ModelT", bound=models.Model)
CHARACTERS_SHOWN = 300


def lock_rows(rows: models.QuerySet[Any]) -> None:
    """Lock these rows by ascending id until the transaction ends. Rows that refer to them can still be written."""
    require_transaction()
    chosen = rows.model._base_manager.filter(pk__in=rows.order_by().values("pk"))
    list(chosen.select_for_update(no_key=True).order_by("pk").values_list("pk"))


class StoredFileField(forms.FileField):
    """A file field that can also read the name of a stored file, which is what its hidden field holds."""

    def to_python(self, data: Any) -> Any:
        return data if isinstance(data, str) else super().to_python(data)


class EditConflicts(forms.ModelForm[Any]):
    """Mixin of forms that change a row. The row, `instance`, was read under its lock.

    A form that sends no opened values, such as one shown by the previous release, counts as opened just now. Whoever
    could not save the row sets `refused`, and shows the reason: the form is invalid then, and keeps what was typed.
    """

    refused = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            return
        for field in self.fields.values():
            field.show_hidden_initial = not (field.disabled or field.widget.is_hidden)
        if self.is_bound and not any(bound.html_initial_name in self.data for bound in self._compared()):
            self._show_current(opened=self._compared())

    def is_valid(self) -> bool:
        return super().is_valid() and not self.refused

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.has_changed() and (moved := list(self._moved())):
            reasons = {bound.name: _reason(bound, self._is_typed(bound)) for bound in moved}
            untyped = [bound for bound in moved if not self._is_typed(bound)]
            hidden = [self[name] for name, field in self.fields.items() if field.widget.is_hidden]
            self._show_current(opened=moved, typed=[*untyped, *hidden])
            self.add_error(
                None,
                _(
                    "This has been changed since you opened it, so nothing was saved yet. Check the marked fields and "
                    "save again: only what you have changed is written."
                ),
            )
            for name, reason in reasons.items():
                self.add_error(name, reason)
        return cleaned

    def save(self, commit: bool = True) -> Any:
        if not commit or self.instance._state.adding:
            return super().save(commit)
        row = super().save(commit=False)
        self.write()
        self.save_m2m()
        return row

    def write(self) -> None:
        """Write the columns that this person has changed, with the row's own timestamps."""
        columns = self.instance._meta.concrete_fields
        changed = [column.name for column in columns if column.name in self.changed_data]
        if changed:
            stamps = [column.name for column in columns if getattr(column, "auto_now", False)]
            self.instance.save(update_fields=[*changed, *stamps])

    def _compared(self) -> Iterator[BoundField]:
        return (self[name] for name, field in self.fields.items() if field.show_hidden_initial)

    def _is_typed(self, bound: BoundField) -> bool:
        return bound.name in self.changed_data

    def _moved(self) -> Iterator[BoundField]:
        """The fields that others have changed since the form was opened, unless to the very value that was typed."""
        for bound in self._compared():
            now = _comparable(bound.field, _current(bound))
            if _comparable(bound.field, _opened(bound)) != now and (
                not self._is_typed(bound) or _comparable(bound.field, bound.data) != now
            ):
                yield bound

    def _show_current(self, *, opened: Iterable[BoundField], typed: Iterable[BoundField] = ()) -> None:
        """Put the row's current values into what was sent: as opened with, and as typed."""
        self.data = data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
        for bound in opened:
            _put(data, bound.html_initial_name, _current(bound))
        for bound in typed:
            value = _current(bound)
            if value is None or value is False:  # a browser sends nothing for an empty box
                data.pop(bound.html_name, None)
            else:
                _put(data, bound.html_name, value)


def _put(data: QueryDict, name: str, value: Any) -> None:
    if isinstance(value, list):
        data.setlist(name, [str(each) for each in value])
    else:
        data[name] = "" if value is None else str(value)


def _opened(bound: BoundField) -> Any:
    widget = bound.field.hidden_widget()
    return widget.value_from_datadict(bound.form.data, bound.form.files, bound.html_initial_name)


def _current(bound: BoundField) -> Any:
    return bound.field.prepare_value(bound.initial)


def _python(field: forms.Field, value: Any) -> Any:
    """The value of what a browser sends; text that cannot be read stays as it is."""
    try:
        return field.to_python(value)
    except ValidationError:
        return value


def _comparable(field: forms.Field, value: Any) -> Any:
    value = _python(field, value)
    if isinstance(value, list):
        return frozenset(value)
    if isinstance(value, str | File):
        value = str(value).replace("\r\n", "\n")  # browsers send line breaks as two characters
    return None if value == "" else value


def _readable(field: forms.Field, value: Any) -> str:
    value = _python(field, value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    elif isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        value = dict(field.choices).get(value, value)  # type: ignore[arg-type]
    text = "" if value is None else str(field.prepare_value(value) if isinstance(value, Decimal) else value)
    return Truncator(text).chars(CHARACTERS_SHOWN) if text else "–"


def _reason(bound: BoundField, typed: bool) -> str:
    facts = {"opened": _readable(bound.field, _opened(bound)), "current": _readable(bound.field, _current(bound))}
    if not typed:
        return _("Changed meanwhile from “%(opened)s” to “%(current)s”.") % facts
    return _(
        "Changed meanwhile from “%(opened)s” to “%(current)s”. You typed “%(typed)s”: save again to write that."
    ) % {**facts, "typed": _readable(bound.field, bound.data)}


def with_edit_conflicts(form: type[FormT]) -> type[FormT]:
    """The form class, aware of edit conflicts."""
    aware: type[FormT] = type(form.__name__, (EditConflicts, form), {})
    return aware


class EditConflictsAdmin(admin.ModelAdmin[ModelT]):
    """Every form of an admin (its page, its editable list, its inlines) is aware of edit conflicts.

    The rows are locked before a form compares them, and only what was changed is written.
    """

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ModelT | None:
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST":
            return row
        lock_rows(self.model._base_manager.filter(pk=row.pk))
        return super().get_object(request, object_id, from_field)

    def get_form(self, request: HttpRequest, obj: ModelT | None = None, change: bool = False, **kwargs: Any) -> Any:
        return with_edit_conflicts(super().get_form(request, obj, change=change, **kwargs))

    def save_model(self, request: HttpRequest, obj: ModelT, form: Any, change: bool) -> None:
        if change:
            form.write()
        else:
            super().save_model(request, obj, form, change)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """In one transaction if it saves the editable list; actions have their own."""
        if request.method == "POST" and self.list_editable and "_save" in request.POST:
            return atomic_view(super().changelist_view)(request, extra_context)
        return super().changelist_view(request, extra_context)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return with_edit_conflicts(super().get_changelist_form(request, **kwargs))

    def _get_list_editable_queryset(self, request: HttpRequest, prefix: str) -> models.QuerySet[ModelT]:
        rows: models.QuerySet[ModelT] = super()._get_list_editable_queryset(request, prefix)
        lock_rows(rows)
        return rows

    def get_formsets_with_inlines(self, request: HttpRequest, obj: ModelT | None = None) -> Iterator[Any]:
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            formset.form = with_edit_conflicts(formset.form)
            yield formset, inline

    def get_formset_kwargs(self, request: HttpRequest, obj: ModelT, inline: Any, prefix: str) -> dict[str, Any]:
        if request.method == "POST" and obj.pk:
            parent = _get_foreign_key(self.model, inline.model, fk_name=inline.fk_name)
            lock_rows(inline.get_queryset(request).filter(**{parent.name: obj}))
        return super().get_formset_kwargs(request, obj, inline, prefix)
