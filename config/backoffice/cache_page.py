"""The cache as staff see it: each name, its hit rate and what lies under it; a look into one key; dropping a name."""

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from redis.exceptions import RedisError

from config.backoffice.cache_inspection import Group, Look, Survey, look, look_by_handle, survey
from config.backoffice.operations import drop_from_cache
from config.backoffice.site import page, render_page
from config.cache import RESULTS, Name, declared
from config.telemetry.exposition import counted

TITLE = gettext_lazy("Cache")
# Below this, the alert CacheHitRateLow fires.
ENOUGH = 85


@page("cache", TITLE, permission="config.view_machinery")
def cache_page(request: HttpRequest) -> HttpResponse:
    """Works where Redis is away: then it tells the hit rates alone."""
    try:
        found: Survey | None = survey()
    except RedisError:
        found = None
    groups = found.groups if found else [Group(name.name, name) for name in declared()]
    rates = _rates()
    rows = [{"group": group, **rates[group.title]} for group in groups if group.name]
    context = {
        "survey": found,
        "rows": sorted(rows, key=lambda row: row["group"].title),
        "others": [group for group in groups if not group.name],
        "may_drop": request.user.has_perm("config.drop_cache"),
        "enough": ENOUGH,
    }
    return render_page(request, "admin/cache.html", TITLE, context)


@page("cache_key", permission="config.view_machinery", route="cache/key/")
def key_page(request: HttpRequest) -> HttpResponse:
    """Into one key: by the handle of a sample, or by its whole name, which is sent by POST since it may open a cart."""
    found: Look | None = None
    try:
        if request.method == "POST":
            found = look(request.POST.get("key", "").strip())
        else:
            found = look_by_handle(request.GET.get("key", ""))
    except RedisError:
        messages.error(request, _("Redis is unavailable."))
        return HttpResponseRedirect(reverse("admin:cache"))
    if found is None:
        messages.warning(request, _("There is no such key, or it has expired."))
        return HttpResponseRedirect(reverse("admin:cache"))
    context = {"look": found, "trail": [(reverse("admin:cache"), TITLE)]}
    return render_page(request, "admin/cache_key.html", found.key.shown, context)


@page("cache_drop", permission="config.drop_cache", route="cache/<slug:name>/drop/")
def drop_page(request: HttpRequest, name: str) -> HttpResponse:
    """Asks, then drops."""
    chosen = next((each for each in declared() if each.name == name), None)
    if chosen is None:
        raise Http404
    if request.method == "POST":
        _drop(request, chosen)
        return HttpResponseRedirect(reverse("admin:cache"))
    context = {"name": chosen, "trail": [(reverse("admin:cache"), TITLE)]}
    return render_page(request, "admin/cache_drop.html", _("Drop %(name)s") % {"name": name}, context)


def _drop(request: HttpRequest, name: Name) -> None:
    try:
        dropped = drop_from_cache(name, request.user)
    except RedisError:
        messages.error(request, _("Redis is unavailable: there is nothing to drop."))
        return
    facts = {"name": name.name, "count": dropped.keys}
    text = ngettext("Dropped %(count)s key of %(name)s.", "Dropped %(count)s keys of %(name)s.", dropped.keys)
    messages.success(request, text % facts)
    if not dropped.is_whole:
        messages.warning(request, _("Too many keys to drop at once: drop %(name)s again.") % facts)


def _rates() -> dict[str, dict[str, Any]]:
    """By name: look-ups by result, and how many of 100 were found. All processes of this machine, since each began."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(RESULTS, 0))
    for (name, result), value in counted("cache_requests_total").items():
        sums[name][result] = int(value)
    rates: dict[str, dict[str, Any]] = defaultdict(lambda: {**dict.fromkeys(RESULTS, 0), "rate": None})
    for name, results in sums.items():
        asked = sum(results.values())
        rates[name] = {**results, "rate": round(100 * (asked - results["miss"]) / asked) if asked else None}
    return rates
