"""Redis: a copy that may vanish at any moment."""

from config.redis import sentinel
from config.redis.guard import GuardedConnection, GuardedSentinelConnection, GuardedSSLConnection
from config.settings.base import env

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
REDIS_TIMEOUT_SECONDS = 0.2
# The sentinels, if any, as host:port,… The host in REDIS_URL is then the master's name in Sentinel.
REDIS_SENTINELS = sentinel.addresses(env.list("REDIS_SENTINELS", default=[]))
_guarded: type = GuardedSSLConnection if REDIS_URL.startswith("rediss://") else GuardedConnection
if REDIS_SENTINELS:
    _guarded = GuardedSentinelConnection
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env.str("CACHE_KEY_PREFIX", default="esteira"),
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "SERIALIZER": "config.redis.values.JSONSerializer",
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "CONNECTION_POOL_KWARGS": {"connection_class": _guarded},
            "IGNORE_EXCEPTIONS": True,
            **(sentinel.cache_options(REDIS_SENTINELS, REDIS_TIMEOUT_SECONDS) if REDIS_SENTINELS else {}),
        },
    },
}
# Whether a value that would not come back equal is an error at once. For tests: it reads back everything it writes.
CACHE_CHECK_WRITES = env.bool("CACHE_CHECK_WRITES", default=False)
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
