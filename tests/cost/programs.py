"""valgrind, from Debian's package."""

import sys

from tests.support.packages import provide

PACKAGES = {"valgrind": "valgrind"}
_ADVICE = (
    "Counting instructions needs valgrind; installing it failed (see above).\n"
    "Install it (Debian, Ubuntu: apt-get install valgrind). It is not made for macOS."
)

if __name__ == "__main__":
    sys.exit(provide(PACKAGES, _ADVICE))
