"""The retention page: what is kept for how long and why, what is past due, and what the last round did."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from config.backoffice.site import page, render_page
from config.retention.metrics import COUNTED_AT_MOST, count_past_due
from config.retention.models import RetentionRound
from config.retention.rules import all_rules


@page("retention", _("Data retention"), permission="config.view_machinery")
def retention_page(request: HttpRequest) -> HttpResponse:
    rounds = RetentionRound.objects.in_bulk()
    rows = [{"rule": rule, "past_due": count_past_due(rule), "round": rounds.get(rule.name)} for rule in all_rules()]
    context = {"rows": rows, "most": COUNTED_AT_MOST}
    return render_page(request, "admin/retention.html", _("Data retention"), context)
