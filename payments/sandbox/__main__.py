"""`python -m payments.sandbox`: the stand-in provider as a server of its own."""

import argparse
import os
import sys
from pathlib import Path

from config.standin import command
from payments.sandbox.api import Api
from payments.sandbox.faults import Faults, parse
from payments.sandbox.handler import Application
from payments.sandbox.server import Router
from payments.sandbox.store import Store
from payments.sandbox.webhooks import Courier


def main() -> int:
    options = _options()
    store, faults = Store(options.data), Faults(parse)
    courier = Courier(store, faults, url=options.webhook_url, secret=options.webhook_secret)
    api = Api(store, secret_key=options.secret_key, publishable_key=options.publishable_key)
    courier.start()
    try:
        return command.run(Application(store, api, faults, courier), Router, options)
    finally:
        courier.stop()


def _options() -> argparse.Namespace:
    parser = command.parser("payments.sandbox", __doc__, port=8420)
    parser.add_argument("--data", type=Path, required=True, help="the directory that keeps the state")
    parser.add_argument("--webhook-url", default="", help="where events are delivered; none: they are only kept")
    # From the environment, so that the secret stands in no list of processes.
    secret = os.environ.get("STRIPE_WEBHOOK_SECRET") or "whsec_sandbox"
    parser.add_argument("--webhook-secret", default=secret, help="what signs events; else $STRIPE_WEBHOOK_SECRET")
    parser.add_argument("--secret-key", default="", help="the only secret key to accept; none: any sk_…")
    parser.add_argument("--publishable-key", default="", help="the only publishable key to accept; none: any pk_…")
    return command.parse(parser)


if __name__ == "__main__":
    sys.exit(main())
