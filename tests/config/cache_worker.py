"""A separate process that reads one key through the cache: `python -m tests.config.cache_worker <key> <begin at>`.

Prints the value and the number of loads in this process.
"""

import sys
import time

import django

django.setup()

from config.cache import cached, declare  # noqa: E402  after the settings


def main(key: str, begin_at: float) -> None:
    declare("thing", of=str)
    loads = 0

    def load() -> str:
        nonlocal loads
        loads += 1
        time.sleep(0.2)
        return "value"

    time.sleep(max(0.0, begin_at - time.time()))
    value = cached("thing", key, 60, load)
    sys.stdout.write(f"{value} {loads}\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
