"""`python -m shipping.sandbox`: the stand-in carrier as a server of its own."""

import sys

from config.standin import command
from shipping.sandbox.server import Application, Handler


def main() -> int:
    parser = command.parser("shipping.sandbox", __doc__, port=8430)
    parser.add_argument("--token", default="", help="the only token to accept; none: any")
    options = command.parse(parser)
    return command.run(Application(options.token), Handler, options)


if __name__ == "__main__":
    sys.exit(main())
