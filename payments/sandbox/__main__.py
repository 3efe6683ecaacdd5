"""`python -m payments.sandbox`: the sandbox payment provider as its own server."""

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
from payments.sandbox.webhooks import WebhookSender


def main() -> int:
    options = _options()
    store, faults = Store(options.data), Faults(parse)
    webhook_sender = WebhookSender(store, faults, url=options.webhook_url, secret=options.webhook_secret)
    api = Api(store, faults, secret_key=options.secret_key, publishable_key=options.publishable_key)
    webhook_sender.start()
    try:
        return command.run(Application(store, api, faults, webhook_sender), Router, options)
    finally:
        webhook_sender.stop()


def _options() -> argparse.Namespace:
    parser = command.parser("payments.sandbox", __doc__, port=8420)
    parser.add_argument("--data", type=Path, required=True, help="directory for the state")
    parser.add_argument("--webhook-url", default="", help="where to deliver events; default: only store them")
    # From the environment, to keep the secret out of the process list.
    secret = os.environ.get("STRIPE_WEBHOOK_SECRET") or "whsec_sandbox"
    parser.add_argument("--webhook-secret", default=secret, help="signs events; default: $STRIPE_WEBHOOK_SECRET")
    parser.add_argument("--secret-key", default="", help="the only secret key to accept; default: any sk_…")
    parser.add_argument("--publishable-key", default="", help="the only publishable key to accept; default: any pk_…")
    return command.parse(parser)


if __name__ == "__main__":
    sys.exit(main())
