"""`python -m shipping.sandbox`: the stand-in carrier as a server of its own."""

import argparse
import logging
import signal
import sys
import threading
from types import FrameType

from shipping.sandbox.server import Application


def main() -> int:
    options = _options()
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    application = Application(options.token)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # Not from this thread: it is the one that serves.
        threading.Thread(target=application.stop, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, args=(application,), daemon=True).start()
    try:
        application.serve(options.host, options.port)
    except OSError as error:
        print(f"The stand-in carrier cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _stop_with_stdin(application: Application) -> None:
    sys.stdin.read()
    application.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m shipping.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8430, help="0 picks a free one; it is printed")
    parser.add_argument("--token", default="", help="the only token to accept; none: any")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this one")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
