"""`python -m shipping.sandbox`: the sandbox carrier as its own server."""

import os
import sys

from config.standin import command
from shipping.sandbox.server import Application, Handler


def main() -> int:
    parser = command.parser("shipping.sandbox", __doc__, port=8430)
    parser.add_argument("--token", default="", help="the only token to accept; default: any")
    parser.add_argument("--webhook-url", default="", help="where to send what becomes of labels; default: nowhere")
    # From the environment, to keep the secret out of the process list.
    secret = os.environ.get("MELHOR_ENVIO_SECRET") or "sandbox"
    parser.add_argument("--webhook-secret", default=secret, help="signs webhooks; default: $MELHOR_ENVIO_SECRET")
    parser.add_argument("--move-seconds", type=float, default=0.0, help="parcels move by themselves after so long")
    options = command.parse(parser)
    application = Application(
        options.token,
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
        move_seconds=options.move_seconds,
    )
    application.webhooks.start()
    try:
        return command.run(application, Handler, options)
    finally:
        application.webhooks.stop()


if __name__ == "__main__":
    sys.exit(main())
