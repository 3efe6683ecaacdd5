"""A separate process that calls a service through its breaker.

Called as `python -m tests.config.resilience.breaker_worker <service>`. Prints whether the call is let
through. The call succeeds once a line arrives on standard input.
"""

import sys

import django

django.setup()

from config.resilience.breakers import BreakerOpen, breaker  # noqa: E402  after the settings


def main(service: str) -> None:
    try:
        with breaker(service).calling():
            tell("probing")
            sys.stdin.readline()
    except BreakerOpen:
        tell("refused")


def tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
