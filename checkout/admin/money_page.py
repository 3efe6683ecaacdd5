"""The money page: every loose end of money, and where it is tied. Empty is green."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from checkout.admin.attention import SECTIONS
from config.backoffice.site import page, render_page


@page("money", _("Money"), permission="payments.view_payment")
def money_page(request: HttpRequest) -> HttpResponse:
    """What waits stands first; a section is left out for whoever may not see what it lists."""
    sections = []
    for section in SECTIONS:
        if request.user.has_perm(section.permission):
            rows, has_more = section.shown()
            sections.append({"section": section, "rows": rows, "has_more": has_more})
    sections.sort(key=lambda shown: not shown["rows"])
    loose = [shown for shown in sections if shown["rows"]]
    return render_page(request, "admin/checkout/money.html", _("Money"), {"sections": sections, "loose": len(loose)})
