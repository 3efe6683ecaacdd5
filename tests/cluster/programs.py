"""HAProxy and PgBouncer: Debian's packages. PostgreSQL and Valkey come as wheels."""

import sys

from tests.support.packages import provide

PACKAGES = {"haproxy": "haproxy", "pgbouncer": "pgbouncer"}
_ADVICE = (
    "The cluster needs HAProxy and PgBouncer; installing them failed (see above).\n"
    "Install them (Debian, Ubuntu: apt-get install haproxy pgbouncer; macOS: brew install haproxy pgbouncer)."
)

if __name__ == "__main__":
    sys.exit(provide(PACKAGES, _ADVICE))
