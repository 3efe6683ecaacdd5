"""Where a text still stands: in each row of the database, and in all that this test keeps in Redis."""

from collections.abc import Iterable

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django_redis import get_redis_connection


def traces_of(texts: Iterable[str]) -> dict[str, set[str]]:
    """The places (a table, `redis`, `sessions`) that hold any of `texts`, in any case, and which of them."""
    wanted = {text.casefold() for text in texts}
    found: dict[str, set[str]] = {}
    for place, content in _everything():
        held = {text for text in wanted if text in content.casefold()}
        if held:
            found.setdefault(place, set()).update(held)
    return found


def _everything() -> Iterable[tuple[str, str]]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" AS t')
            for (row,) in cursor.fetchall():
                yield table, row
    for session in Session.objects.all():  # stored encoded
        yield "sessions", str(session.get_decoded())
    redis = get_redis_connection("default")
    for key in cache.iter_keys("*"):
        raw = cache.make_key(key)
        values = redis.hgetall(raw) if redis.type(raw) == b"hash" else redis.get(raw)
        yield "redis", f"{key} {values!r}"
