"""The breakers as staff see them: state, history, and the button that closes one by hand."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from config.admin import BAD, BUSY, GOOD, tag
from config.back_room import page, render_page
from config.breaker_history import Change, changes
from config.breakers import FAILURES_BEFORE_OPENING, OPEN_SECONDS, breaker, names

_STATES = {
    "closed": (_("closed: calls go through"), GOOD),
    "half-open": (_("half-open: one call tries"), BUSY),
    "open": (_("open: calls are refused"), BAD),
}


@page("breakers", _("Breakers"), permission="config.view_machinery")
def breakers_page(request: HttpRequest) -> HttpResponse:
    context = {
        "breakers": [_shown(name) for name in names()],
        "failures": FAILURES_BEFORE_OPENING,
        "seconds": OPEN_SECONDS,
    }
    return render_page(request, "admin/breakers.html", _("Breakers"), context)


def _shown(name: str) -> dict[str, Any]:
    standing = breaker(name).standing
    return {"name": name, "standing": standing, "state": tag(*_STATES[standing.state]), "history": _history(name)}


def _history(name: str) -> list[Change] | None:
    """None where Redis is away."""
    try:
        return changes(name)
    except RedisError:
        return None
