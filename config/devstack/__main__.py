"""The command line, `python -m config.devstack demo`: the Makefile and the Procfiles call it."""

import argparse
import sys

from config.devstack.exceptions import CannotStart


def main(arguments: list[str] | None = None) -> int:
    """Run one command. CannotStart becomes a message on standard error and exit code 1."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given) or 0)
    except CannotStart as refusal:
        print(f"\n{refusal}\n", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config.devstack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, run: object) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    command("demo", "Run the whole shop (make demo).", _demo)
    command("servers", "Run the servers only; you run the rest (make servers).", _servers)
    command("monitor", "Watch a running demo with Prometheus and Alertmanager (make monitor).", _monitor)
    command("alert-receiver", "A process of the monitor's Procfile: print each alert that arrives.", _alert_receiver)
    test_stack = command("test-stack", "Run a command beside fast servers of its own (make test).", _test_stack)
    test_stack.add_argument("command", nargs=argparse.REMAINDER)
    serve = command("serve", "A process of the Procfile: one embedded server.", _serve)
    serve.add_argument("name", choices=["postgres", "valkey"])
    become = command("become", "A process of the Procfile: take the lock NAME, then exec a command.", _become)
    become.add_argument("--when-open", action="store_true", help="wait until `bootstrap` has filled the database")
    become.add_argument("name")
    become.add_argument("command", nargs=argparse.REMAINDER)
    command("bootstrap", "A process of the Procfile: fill the shop, announce it, stand by.", _bootstrap)
    return parser


# Imports are local to each command, so that the processes of the Procfile start fast.


def _demo(_given: argparse.Namespace) -> int:
    from config.devstack import demo

    return demo.run(servers_only=False)


def _servers(_given: argparse.Namespace) -> int:
    from config.devstack import demo

    return demo.run(servers_only=True)


def _monitor(_given: argparse.Namespace) -> int:
    from config.devstack import monitor

    return monitor.run()


def _alert_receiver(_given: argparse.Namespace) -> None:
    from config.devstack import alert_receiver

    alert_receiver.run()


def _test_stack(given: argparse.Namespace) -> int:
    from config.devstack import test_stack

    return test_stack.run(given.command)


def _serve(given: argparse.Namespace) -> int:
    from config.devstack import processes

    return processes.serve(given.name)


def _become(given: argparse.Namespace) -> None:
    from config.devstack import processes

    processes.become(given.name, given.command, when_open=given.when_open)


def _bootstrap(_given: argparse.Namespace) -> None:
    from config.devstack import bootstrap

    bootstrap.open_shop()


if __name__ == "__main__":
    sys.exit(main())
