"""`python -m payments.sandbox`: the stand-in provider as a server of its own."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from payments.sandbox.api import Api
from payments.sandbox.faults import Faults
from payments.sandbox.server import Application
from payments.sandbox.store import Store
from payments.sandbox.webhooks import Courier


def main() -> int:
    options = _options()
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    store, faults = Store(options.data), Faults()
    courier = Courier(store, faults, url=options.webhook_url, secret=options.webhook_secret)
    api = Api(store, secret_key=options.secret_key, publishable_key=options.publishable_key)
    application = Application(store, api, faults, courier)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # Not from this thread: it is the one that serves.
        threading.Thread(target=application.stop, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, args=(application,), daemon=True).start()
    courier.start()
    try:
        application.serve(options.host, options.port)
    except OSError as error:
        print(f"The sandbox provider cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        courier.stop()
    return 0


def _stop_with_stdin(application: Application) -> None:
    sys.stdin.read()
    application.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m payments.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8420, help="0 picks a free one; it is printed")
    parser.add_argument("--data", type=Path, required=True, help="the directory that keeps the state")
    parser.add_argument("--webhook-url", default="", help="where events are delivered; none: they are only kept")
    # From the environment, so that the secret stands in no list of processes.
    secret = os.environ.get("STRIPE_WEBHOOK_SECRET") or "whsec_sandbox"
    parser.add_argument("--webhook-secret", default=secret, help="what signs events; else $STRIPE_WEBHOOK_SECRET")
    parser.add_argument("--secret-key", default="", help="the only secret key to accept; none: any sk_…")
    parser.add_argument("--publishable-key", default="", help="the only publishable key to accept; none: any pk_…")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this one")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
