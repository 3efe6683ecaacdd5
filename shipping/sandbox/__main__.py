"""`python -m shipping.sandbox`: the sandbox carrier as its own server."""

import sys

from config.standin import command
from shipping.sandbox.server import Application, Handler


def main() -> int:
    parser = command.parser("shipping.sandbox", __doc__, port=8430)
    parser.add_argument("--token", default="", help="the only token to accept; default: any")
    options = command.parse(parser)
    return command.run(Application(options.token), Handler, options)


if __name__ == "__main__":
    sys.exit(main())
