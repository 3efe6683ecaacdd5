"""The money page: everything about money that needs attention, and where to fix it. Empty is green."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from checkout.admin.attention import sections
from config.backoffice.site import page, render_page


@page("money", _("Money"), permission="payments.view_payment")
def money_page(request: HttpRequest) -> HttpResponse:
    """Sections with rows come first; those that the user may not see are left out."""
    shown = sections(request.user.has_perm)
    context = {"sections": shown, "open_count": sum(1 for section in shown if section.rows)}
    return render_page(request, "admin/checkout/money.html", _("Money"), context)
