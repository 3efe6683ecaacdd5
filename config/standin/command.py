"""The command that runs a stand-in: its options, and its shutdown."""

import argparse
import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from config.standin.server import RequestHandler, StandIn


def parser(module: str, description: str | None, *, port: int) -> argparse.ArgumentParser:
    """The common options of stand-ins. Each adds its own; `parse` adds the rest."""
    options = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=port, help="0 picks a free one; it is printed")
    return options


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line and set up logging."""
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this one")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    return options


def run(stand_in: StandIn, handler: type[RequestHandler[Any]], options: argparse.Namespace) -> int:
    """Serve until a signal arrives, or stdin closes if `options` say so. Returns the exit code."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # In another thread: stopping from this one, which serves, would deadlock.
        threading.Thread(target=stand_in.stop, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, args=(stand_in,), daemon=True).start()
    try:
        stand_in.serve(options.host, options.port, handler)
    except OSError as error:
        print(f"The {stand_in.name} cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _stop_with_stdin(stand_in: StandIn) -> None:
    sys.stdin.read()
    stand_in.stop()
