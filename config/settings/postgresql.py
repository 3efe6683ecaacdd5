"""PostgreSQL, and an optional standby."""

from config.db import replica
from config.settings.base import env

DATABASES = {
    "default": env.db_url("DATABASE_URL", default="postgres:///esteira", engine="config.db.postgresql"),
}
# One connection per thread that may need it; a smaller pool fails with "couldn't get a connection" under load.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=8)
# Probes have threads of their own (config.web.worker), and must not wait for a connection that the others hold.
_PROBES = 2
# With a pool, `config.db.postgresql` checks the connections.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = not DATABASE_POOL_SIZE
# Behind PgBouncer in transaction mode or RDS Proxy, consecutive transactions may use different connections.
_behind_pooler = env.bool("DATABASE_BEHIND_POOLER", default=False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = _behind_pooler
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),  # from the URL's query string, such as sslmode
    "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE + _PROBES, "timeout": 5} if DATABASE_POOL_SIZE else False,
    # The server plans a statement once per connection and keeps the plan.
    "server_side_binding": not _behind_pooler,
    "prepare_threshold": None if _behind_pooler else 2,
}

# A standby for reads that may be a few seconds stale (see config.db.replica). Empty: they go to the primary.
if env.str("DATABASE_REPLICA_URL", default=""):
    DATABASES[replica.ALIAS] = env.db_url("DATABASE_REPLICA_URL", engine=DATABASES["default"]["ENGINE"]) | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"],
        "TEST": {"MIRROR": "default"},
    }
    DATABASES[replica.ALIAS]["OPTIONS"] = {**DATABASES[replica.ALIAS].get("OPTIONS", {}), "connect_timeout": 1}
