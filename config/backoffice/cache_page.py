"""The cache page: each name with its hit rate and keys, the details of one key, and dropping a name."""

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from redis.exceptions import RedisError

from config.backoffice.cache_inspection import Group, KeyDetails, Survey, inspect_handle, inspect_key, survey
from config.backoffice.operations import drop_from_cache
from config.backoffice.site import page, render_page
from config.cache import RESULTS, Name, declared
from config.telemetry.exposition import counted

TITLE = gettext_lazy("Cache")
# Below this, the alert CacheHitRateLow fires.
GOOD_HIT_RATE = 85


@page("cache", TITLE, permission="config.view_machinery")
def cache_page(request: HttpRequest) -> HttpResponse:
    """While Redis is down it shows the hit rates only."""
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
        "good_hit_rate": GOOD_HIT_RATE,
    }
    return render_page(request, "admin/cache.html", TITLE, context)


@page("cache_key", permission="config.view_machinery", route="cache/key/")
def key_page(request: HttpRequest) -> HttpResponse:
    """One key: by a sample's handle, or by its full name, which is sent by POST since it may open a cart."""
    found: KeyDetails | None = None
    try:
        if request.method == "POST":
            found = inspect_key(request.POST.get("key", "").strip())
        else:
            found = inspect_handle(request.GET.get("key", ""))
    except RedisError:
        messages.error(request, _("Redis is unavailable."))
        return HttpResponseRedirect(reverse("admin:cache"))
    if found is None:
        messages.warning(request, _("There is no such key, or it has expired."))
        return HttpResponseRedirect(reverse("admin:cache"))
    context = {"details": found, "trail": [(reverse("admin:cache"), TITLE)]}
    return render_page(request, "admin/cache_key.html", found.key.shown, context)


@page("cache_drop", permission="config.drop_cache", route="cache/<slug:name>/drop/")
def drop_page(request: HttpRequest, name: str) -> HttpResponse:
    """Asks for confirmation, then drops."""
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
    if not dropped.is_complete:
        messages.warning(request, _("Too many keys to drop at once: drop %(name)s again.") % facts)


def _rates() -> dict[str, dict[str, Any]]:
    """Lookups by name and result, and the hit rate in percent, in all processes on this machine since they started."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(RESULTS, 0))
    for (name, result), value in counted("cache_requests_total").items():
        sums[name][result] = int(value)
    rates: dict[str, dict[str, Any]] = defaultdict(lambda: {**dict.fromkeys(RESULTS, 0), "rate": None})
    for name, results in sums.items():
        lookups = sum(results.values())
        rates[name] = {**results, "rate": round(100 * (lookups - results["miss"]) / lookups) if lookups else None}
    return rates
