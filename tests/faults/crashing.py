"""A process that is killed at a chosen step: `python -m tests.faults.crashing`.

It loads the shop once and then reads commands, one JSON document per line. For each it forks a child that does the work
and kills itself with SIGKILL at boundary number `die_at`: nothing is cleaned up, as when the machine fails. The
boundaries are set from outside the shop's code, by wrapping every commit, every write outside a transaction, every
provider call, every mail and every message to the broker.

Writes one JSON document per line: {"boundaries": [names passed], "killed": bool, "status": HTTP status, "body": …}.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import django

WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


class Boundaries:
    """Counts the boundaries passed, writes their names to `pipe`, and kills the process at number `die_at`."""

    def __init__(self, pipe: int, die_at: int | None) -> None:
        self._pipe, self._die_at, self._passed = pipe, die_at, 0

    def reach(self, name: str) -> None:
        os.write(self._pipe, f"{name}\n".encode())
        if self._passed == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._passed += 1

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        self.reach(f"before {name}")
        yield
        self.reach(f"after {name}")

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        wrapped: Callable[..., Any] = getattr(owner, attribute)

        def step(*arguments: Any, **options: Any) -> Any:
            self.reach(f"before {name}")
            try:
                return wrapped(*arguments, **options)
            finally:
                self.reach(f"after {name}")

        setattr(owner, attribute, step)

    def write(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        statement = str(sql).lstrip().upper()
        if context["connection"].in_atomic_block or not statement.startswith(WRITES):
            return execute(sql, params, many, context)
        with self.around(f"writing {_table(str(sql))}"):
            return execute(sql, params, many, context)


def _table(sql: str) -> str:
    return next((word.strip('"') for word in sql.split() if word.startswith('"')), "")


def install(boundaries: Boundaries) -> None:
    """Set a boundary where each of the shop's steps ends."""
    from django.db import connections

    from config.resilience import task_queue
    from config.resilience.mail_connection import MailConnection
    from payments.gateways.stripe_calls import StripeCalls
    from shipping.carriers import melhor_envio_labels

    connection = connections["default"]
    boundaries.wrap(connection, "_commit", "commit")
    boundaries.wrap(StripeCalls, "call", "the provider's call")
    boundaries.wrap(melhor_envio_labels, "send", "the carrier's call")
    boundaries.wrap(MailConnection, "send", "the mail")
    boundaries.wrap(task_queue, "nudge", "the nudge")
    connection.execute_wrappers.append(boundaries.write)


# --- What the child can do --------------------------------------------------------------------------------------------


def post(path: str, body: str, headers: dict[str, str], address: str = "127.0.0.1") -> dict[str, Any]:
    from django.test import Client

    client = Client(raise_request_exception=False, headers={"host": "127.0.0.1", **headers}, REMOTE_ADDR=address)
    answer = client.post(path, body, content_type="application/json")
    return {"status": answer.status_code, "body": json.loads(answer.content or b"{}")}


def task(name: str) -> dict[str, Any]:
    from checkout import tasks

    getattr(tasks, name)()
    return {}


def label(verb: str, order: int, key: str) -> dict[str, Any]:
    from uuid import UUID

    from checkout import labels
    from checkout.models import Order, PackedParcel
    from tests.support.labels import to_label

    if verb == "buy":
        labels.buy_label(Order.objects.get(pk=order), to_label(), key=UUID(key))
    elif verb == "cancel":
        labels.cancel_label(PackedParcel.objects.get(pk=key))
    else:
        labels.hand_over(PackedParcel.objects.with_everything().get(pk=key))
    return {}


WORK: dict[str, Callable[..., dict[str, Any]]] = {"post": post, "task": task, "label": label}


# --- The process ------------------------------------------------------------------------------------------------------


def run(command: dict[str, Any]) -> dict[str, Any]:
    passed_out, passed_in = os.pipe()
    answer_out, answer_in = os.pipe()
    child = os.fork()
    if not child:
        os.close(passed_out)
        os.close(answer_out)
        _work(command, Boundaries(passed_in, command.get("die_at")), answer_in)
    os.close(passed_in)
    os.close(answer_in)
    with os.fdopen(passed_out) as passed, os.fdopen(answer_out) as answered:
        boundaries, answer = passed.read().splitlines(), answered.read()
    _pid, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise SystemExit(f"The child ended with {status}.")
    return {"boundaries": boundaries, "killed": killed, **json.loads(answer or "{}")}


def _work(command: dict[str, Any], boundaries: Boundaries, answer_in: int) -> None:
    try:
        install(boundaries)
        answer = WORK[command["work"]](**command["arguments"])
        os.write(answer_in, json.dumps(answer).encode())
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def main() -> None:
    django.setup()
    from django.test import Client
    from django.urls import get_resolver

    # Load what every child needs before the first fork: views, middleware, the broker's transport. No connection is
    # opened.
    get_resolver().url_patterns  # noqa: B018
    Client(headers={"host": "127.0.0.1"}).get("/health/live")
    import_module("kombu.transport.redis")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
