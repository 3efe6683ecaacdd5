"""The process is killed at every boundary; two simulated minutes later everything is in balance."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from checkout.models import LIVE
from tests.faults import FULL
from tests.faults.crash_cases import SCENARIOS, Case, Command, Scenario, checkout_request, deliver_webhooks
from tests.support import processes
from tests.support.books import Books
from tests.support.factories.cart import ready_cart, ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.sandbox import Sandbox, close_breakers
from tests.support.simulated_time import pass_time, two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

# What an app does that got no response.
REPEATS = ["gives up", "repeats with the same key", "repeats with another key"]
REFUSALS = {402, 409, 503}


class Crasher:
    """The process whose children are killed."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*processes.PYTHON, "-m", "tests.faults.crashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=processes.REPOSITORY,
            env=variables,
        )

    def run(self, command: Command, die_at: int | None = None) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({**command, "die_at": die_at}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
        assert answer, "The child failed; its traceback is above."
        return answer

    def stop(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def crasher(sandbox: Sandbox, mails: MailSink) -> Iterator[Crasher]:
    running = Crasher(processes.environment(sandbox, mails.port))
    yield running
    running.stop()


def recover(sandbox: Sandbox) -> None:
    """Two minutes in which the provider's webhooks arrive and the sweeper sweeps."""
    close_breakers()
    deliver_webhooks(sandbox)
    two_minutes()


def crash(crasher: Crasher, case: Case, command: Command, die_at: int | None) -> list[str]:
    answer = crasher.run(command, die_at)
    case.sandbox.no_faults()
    close_breakers()
    assert answer["killed"] == (die_at is not None), answer
    boundaries: list[str] = answer["boundaries"]
    return boundaries


def ask_again(crasher: Crasher, case: Case, repeat: str) -> str | None:
    """The app repeats its request; returns the order number in the response."""
    if repeat == "gives up":
        return None
    answer = crasher.run(checkout_request(case, "first" if "same" in repeat else "second"))
    assert answer["status"] in {201, 202, *REFUSALS}, answer
    return answer["body"].get("number")


def ended(case: Case) -> str:
    orders = list(case.orders().order_by("placed_at").select_related("payment"))
    if any(order.status in LIVE for order in orders):
        return next(order.status for order in orders if order.status in LIVE)
    return "refunded" if orders and orders[-1].payment.status == "refunded" else "open"


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.is_request], ids=str)
def test_a_request_that_is_killed(scenario: Scenario, crasher: Crasher, sandbox: Sandbox, books: Books) -> None:
    product = ProductFactory(stock=1000)
    books.open()
    whole = Case(ready_cart([product]), sandbox, scenario.method)
    boundaries = crash(crasher, whole, scenario.begin(whole), None)
    assert len([name for name in boundaries if name.endswith("commit")]) >= 4

    kills = [
        (number, repeat)
        for number in range(len(boundaries))
        for place, repeat in enumerate(REPEATS)
        if FULL or place == number % len(REPEATS)
    ]
    cases: list[tuple[Case, str]] = []
    for (number, repeat), cart in zip(kills, ready_carts([product], len(kills)), strict=True):
        case = Case(cart, sandbox, scenario.method)
        crash(crasher, case, scenario.begin(case), number)
        scenario.shopper(case)
        ask_again(crasher, case, repeat)
        cases.append((case, repeat))
    recover(sandbox)
    assert books.taken().problems == (), "in balance within two minutes"
    for case, repeat in cases:
        ask_again(crasher, case, repeat)
        scenario.shopper(case)
    pass_time(61)
    recover(sandbox)
    for case, repeat in cases:
        allowed = {scenario.ends} if repeat != "gives up" else {scenario.ends, "open"}
        assert ended(case) in allowed, repeat
        if repeat == "repeats with the same key" and scenario.ends == "paid":
            number_shown = ask_again(crasher, case, repeat)
            assert number_shown == case.orders().get(status__in=LIVE).number, (
                "a repeat of a lost request returns the order"
            )
        if repeat == "repeats with the same key":
            assert case.orders().filter(payment__attempts__status="declined").count() <= 1, "the bank is asked once"
    books.check(f"killed while {scenario.name}", len(cases))


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if not s.is_request], ids=str)
def test_a_background_task_that_is_killed(
    scenario: Scenario, crasher: Crasher, sandbox: Sandbox, books: Books, mails: MailSink
) -> None:
    product = ProductFactory(stock=1000)
    books.open()
    whole = Case(ready_cart([product]), sandbox, scenario.method)
    boundaries = crash(crasher, whole, scenario.begin(whole), None)
    recover(sandbox)
    for number, name in enumerate(boundaries):
        case = Case(ready_cart([product]), sandbox, scenario.method)
        passed = crash(crasher, case, scenario.begin(case), number)
        assert passed[-1] == name
        recover(sandbox)
        assert ended(case) == scenario.ends, f"killed {name}"
        assert_one_mail(case, mails, sent_before="after the mail" in passed)
    books.check(f"killed while {scenario.name}", len(boundaries))


def assert_one_mail(case: Case, mails: MailSink, *, sent_before: bool) -> None:
    """A relay that dies between sending a mail and recording that sends it again, with the same Message-ID: a mail
    server that deduplicates drops the copy. So does this one."""
    for number in {order.number for order in case.orders()}:
        count = mails.by_order()[number]
        assert count <= (2 if sent_before else 1)
        if count == 2:
            mails.drop_copies()
