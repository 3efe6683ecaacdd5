"""CSV exports of lists: the rows that the filters select, streamed and recorded in the audit log.

UTF-8 with a byte order mark, without which Excel guesses another encoding. Excel parses by locale: in Portuguese, cells
are separated by semicolons and decimals use a comma; otherwise the file is plain CSV.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, Union

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from config.backoffice.base import Audited

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

EXPORT = AuditEvent("list.export", _("exported a list"))
ROWS_AT_ONCE = 1_000
# What a spreadsheet takes for the start of a formula. A leading apostrophe marks the cell as text.
FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n")

ModelT = TypeVar("ModelT", bound=models.Model)
Column = tuple[Union[str, "_StrPromise"], Callable[[Any], object]]


class Exported(Audited[ModelT]):
    """A list with an export button, for users with its model's `export_…` permission."""

    export_columns: Sequence[Column] = ()
    # By permission: further columns for those who have it. The audit log says that their file has them.
    guarded_columns: Mapping[str, Sequence[Column]] = {}

    def export_rows(self, rows: models.QuerySet[ModelT]) -> models.QuerySet[ModelT]:
        """The rows with whatever the columns read beyond the list's own, so nothing is fetched row by row."""
        return rows

    def may_export(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.export_{self.opts.model_name}")

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        export_url = f"export/?{request.GET.urlencode()}" if self.may_export(request) else ""
        return super().changelist_view(request, {"export_url": export_url, **(extra_context or {})})

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The file. The audit entry is written before the first row is sent."""
        if not self.may_export(request) or not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))
        # The search text may be personal data: it is not logged.
        filters = {name: "…" if name == "q" else value for name, value in request.GET.items()}
        guarded = [permission for permission in self.guarded_columns if request.user.has_perm(permission)]
        with_guarded = {"with": ", ".join(guarded)} if guarded else {}
        audit.record(request.user, EXPORT, self.model, after={**filters, **with_guarded})
        columns = [*self.export_columns, *(each for name in guarded for each in self.guarded_columns[name])]
        file = _file(columns, self.export_rows(rows), translation.get_language() or "")
        name = f"{self.opts.model_name}-{timezone.localdate():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            file,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


def _file(columns: Sequence[Column], rows: models.QuerySet[ModelT], language: str) -> Iterator[bytes]:
    """The file in batches of rows, each read by key after the last: no open cursor, one batch in memory."""
    with translation.override(language):
        yield b"\xef\xbb\xbf" + _lines([[str(title) for title, _read in columns]], language)
    rows, last = rows.order_by("pk"), None
    while True:
        batch = list((rows.filter(pk__gt=last) if last is not None else rows)[:ROWS_AT_ONCE])
        if not batch:
            return
        last = batch[-1].pk
        with translation.override(language):
            yield _lines([[cell(read(row), language) for _title, read in columns] for row in batch], language)


def _lines(cells: list[list[str]], language: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";" if language == "pt-br" else ",").writerows(cells)
    return text.getvalue().encode()


def cell(value: object, language: str) -> str:
    """A value as a spreadsheet cell: numbers, times in the shop's zone, text that never runs as a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return str(value).replace(".", ",") if language == "pt-br" else str(value)
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
