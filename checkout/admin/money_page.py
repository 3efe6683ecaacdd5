"""The money page: everything about money that needs attention, and where to fix it. Empty is green."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from checkout.admin.attention import SECTIONS
from config.backoffice.site import page, render_page


@page("money", _("Money"), permission="payments.view_payment")
def money_page(request: HttpRequest) -> HttpResponse:
    """Sections with rows come first; those that the user may not see are left out."""
    sections = []
    for section in SECTIONS:
        if request.user.has_perm(section.permission):
            rows, has_more = section.shown()
            sections.append({"section": section, "rows": rows, "has_more": has_more})
    sections.sort(key=lambda shown: not shown["rows"])
    open_count = sum(1 for shown in sections if shown["rows"])
    context = {"sections": sections, "open_count": open_count}
    return render_page(request, "admin/checkout/money.html", _("Money"), context)
