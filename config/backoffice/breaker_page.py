"""The breakers page: state, history, and a button to close one by hand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from config.backoffice.base import tag
from config.backoffice.operations import close_breaker
from config.backoffice.site import page, render_page
from config.db.statuses import BAD, BUSY, GOOD
from config.resilience.breaker_history import Change, changes
from config.resilience.breakers import FAILURES_BEFORE_OPENING, OPEN_SECONDS, breaker, names

_STATES = {
    "closed": (_("closed: calls pass through"), GOOD),
    "half-open": (_("half-open: one trial call"), BUSY),
    "open": (_("open: calls are rejected"), BAD),
}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=_("Kept in the audit log."),
    )


@page("breakers", _("Breakers"), permission="config.view_machinery")
def breakers_page(request: HttpRequest) -> HttpResponse:
    context = {
        "breakers": [_shown(name) for name in names()],
        "failures": FAILURES_BEFORE_OPENING,
        "seconds": OPEN_SECONDS,
        "may_close": request.user.has_perm("config.close_breaker"),
    }
    return render_page(request, "admin/breakers.html", _("Breakers"), context)


@page("breaker_close", permission="config.close_breaker", route="breakers/<slug:name>/close/")
def close_page(request: HttpRequest, name: str) -> HttpResponse:
    """Asks for a reason, then closes. Refused while Redis is down, since no other process would see it."""
    if name not in names():
        raise Http404
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _history(name) is None:
            messages.error(request, gettext("Redis is unavailable: the other processes would not see the change."))
        else:
            close_breaker(name, request.user, form.cleaned_data["reason"])
            messages.success(request, gettext("The circuit of %(name)s is closed again.") % {"name": name})
        return HttpResponseRedirect(reverse("admin:breakers"))
    context = {"form": form, "name": name, "trail": [(reverse("admin:breakers"), _("Breakers"))]}
    title = gettext("Close %(name)s") % {"name": name}
    return render_page(request, "admin/breaker_close.html", title, context)


def _shown(name: str) -> dict[str, Any]:
    status = breaker(name).status
    return {"name": name, "status": status, "state": tag(*_STATES[status.state]), "history": _history(name)}


def _history(name: str) -> list[Change] | None:
    """None if Redis is unavailable."""
    try:
        return changes(name)
    except RedisError:
        return None
