"""Health checks of a web process: liveness, readiness, and a full report.

`live` checks nothing: a process that answers is alive, and restarting it would not bring a database back. `ready`
requires the database and its migrations, but not Redis: sales go on without it. `full` is for people.
"""

import logging
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django_redis import get_redis_connection
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from config.telemetry.exposition import is_authorized
from config.telemetry.metrics import scraped

logger = logging.getLogger(__name__)

_migrated = False


@never_cache
def live(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "live"})


@never_cache
def ready(_request: HttpRequest) -> HttpResponse:
    """200 if the process can serve requests, else 503 with the reason."""
    problem = database_problem()
    return JsonResponse({"status": problem or "ready"}, status=503 if problem else 200)


@never_cache
def full(request: HttpRequest) -> HttpResponse:
    """For staff, and for requests with the metrics token."""
    if not is_authorized(request.headers.get("Authorization", "")) and not _is_staff(request):
        raise Http404
    problem = database_problem()
    document: dict[str, Any] = {
        "status": problem or "ready",
        "release": settings.RELEASE,
        "database": "away" if problem == "database away" else "there",
        "redis": "there" if _redis_answers() else "away",
    }
    document["gauges"] = _vital_gauges() if not problem else {}
    return JsonResponse(document, status=503 if problem else 200)


def database_problem() -> str | None:
    """Why the database cannot be used: `database away`, `migrations missing`, or None."""
    global _migrated
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        # Checked until true, then never again: migrations are not unapplied under a running process.
        _migrated = _migrated or not _migrations_missing()
    except (Error, PoolTimeout) as error:
        logger.warning("The database does not answer: %s", type(error).__name__)
        return "database away"
    return None if _migrated else "migrations missing"


def _migrations_missing() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _redis_answers() -> bool:
    try:
        return bool(get_redis_connection("default").ping())
    except RedisError:
        return False


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_active and user.is_staff)


def _vital_gauges() -> dict[str, object]:
    gauges = scraped(only_vital=True).items()
    return {name: values.get("", values) if len(values) == 1 else values for name, values in gauges}
