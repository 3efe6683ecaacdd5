"""nginx, HAProxy and PgBouncer: Debian's packages. PostgreSQL and Valkey come as wheels."""

import sys

from tests.support.packages import provide

PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "pgbouncer": "pgbouncer"}
_ADVICE = (
    "The cluster needs nginx, HAProxy and PgBouncer; installing them failed (see above).\n"
    "Install them (Debian, Ubuntu: apt-get install nginx-light haproxy pgbouncer; macOS: brew install nginx haproxy "
    "pgbouncer)."
)

if __name__ == "__main__":
    sys.exit(provide(PACKAGES, _ADVICE))
