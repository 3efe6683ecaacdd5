"""What a list of facts and one note on what was done share: the note is written once, and acts."""

from typing import Any, TypeVar

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.backoffice.base import Audited, Text

Row = TypeVar("Row", bound=Model)


def note_field(help_text: Text) -> forms.CharField:
    return forms.CharField(
        label=_("what was done"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=help_text,
    )


class NotedAdmin(Audited[Row]):
    """Read-only, apart from the field `note` of a row that `takes_note`."""

    list_per_page = 50
    show_full_result_count = False

    class Media:
        css = {"all": ["payments/admin.css"]}

    def takes_note(self, row: Row) -> bool:
        """Whether nobody has dealt with the row yet."""
        raise NotImplementedError

    def write_note(self, row: Row, by: Any, note: str) -> None:
        """Call the service that acts on the note, which also records it in the audit log."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or self.takes_note(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Row, form: Any, change: bool) -> None:
        self.write_note(obj, request.user, form.cleaned_data["note"])

    def log_change(self, request: HttpRequest, obj: Row, message: Any) -> Any:
        """The service has already recorded it."""
