"""Prometheus, Alertmanager and the tools that check their rules and routes, from Debian's packages."""

import sys

from tests.support import packages

PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
_ADVICE = (
    "Watching the shop and trying its alerts need Prometheus and Alertmanager; installing them failed (see above).\n"
    "Install them (Debian, Ubuntu: apt-get install prometheus prometheus-alertmanager;\n"
    "macOS: brew install prometheus alertmanager)."
)


def missing() -> list[str]:
    """The programs that are not installed."""
    return packages.missing(PACKAGES)


if __name__ == "__main__":
    sys.exit(packages.provide(PACKAGES, _ADVICE))
