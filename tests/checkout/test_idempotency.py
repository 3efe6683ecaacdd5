"""A repeated request gets the first response and never runs twice, with or without Redis."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cart.exceptions import CartClosed, CheckoutInProgress
from checkout.exceptions import IdempotencyKeyInvalid, IdempotencyKeyRequired, IdempotencyKeyReused
from checkout.idempotency import ABANDONED_AFTER, Answer, answer_once
from checkout.models import IdempotencyKey
from config.exceptions import Refusal
from config.retention.rounds import run_round
from tests.support.factories.cart import filled_cart
from tests.support.orders import eventually

FIRST_ANSWER = Answer(201, {"number": "A1"})
REQUEST = {"payment_method": "pm_card_visa", "expected_total": "10.00"}


class Work:
    """Work that must run once; counts its runs."""

    def __init__(self, answer: Answer | Exception = FIRST_ANSWER) -> None:
        self.answer = answer
        self.runs = 0

    def __call__(self, _key: IdempotencyKey) -> Answer:
        self.runs += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def ask(
    cart, work: Callable[[IdempotencyKey], Answer], key: str = "key-1", request: dict[str, str] = REQUEST
) -> Answer:
    def recover(number: str) -> Answer | None:
        raise AssertionError(f"No order was placed, but {number} was looked up.")

    return answer_once(cart_token=cart.id, user_id=None, key=key, request=request, run=work, recover=recover)


@pytest.mark.django_db
class TestSequential:
    def test_the_second_gets_the_first_response(self) -> None:
        cart, work = filled_cart(), Work()
        assert ask(cart, work) == Answer(201, {"number": "A1"})
        assert ask(cart, work) == Answer(201, {"number": "A1"}, replayed=True)
        assert work.runs == 1

    def test_another_body_with_the_same_key_is_an_error(self) -> None:
        cart, work = filled_cart(), Work()
        ask(cart, work)
        with pytest.raises(IdempotencyKeyReused):
            ask(cart, work, request={**REQUEST, "expected_total": "11.00"})
        assert work.runs == 1

    def test_keys_belong_to_their_cart(self) -> None:
        work = Work()
        assert not ask(filled_cart(), work).replayed
        assert not ask(filled_cart(), work).replayed
        assert work.runs == 2

    def test_a_request_needs_a_key(self) -> None:
        with pytest.raises(IdempotencyKeyRequired):
            ask(filled_cart(), Work(), key="")

    @pytest.mark.parametrize("key", ["x" * 256, "nul\0"])
    def test_a_key_that_cannot_be_kept_is_not_called_missing(self, key: str) -> None:
        with pytest.raises(IdempotencyKeyInvalid):
            ask(filled_cart(), Work(), key=key)

    def test_a_refusal_without_effect_frees_the_key(self) -> None:
        cart = filled_cart()
        with pytest.raises(Refusal):
            ask(cart, Work(Refusal()))
        assert ask(cart, Work()) == Answer(201, {"number": "A1"})

    def test_the_second_is_refused_while_the_first_is_running(self) -> None:
        cart = filled_cart()
        with pytest.raises(RuntimeError):
            ask(cart, Work(RuntimeError("the process died here")))
        with pytest.raises(CheckoutInProgress):
            ask(cart, Work())

    def test_a_dead_request_runs_again_after_the_lease(self) -> None:
        cart = filled_cart()
        with pytest.raises(RuntimeError):
            ask(cart, Work(RuntimeError("the process died here")))
        IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER - timedelta(seconds=1))
        assert ask(cart, Work()) == Answer(201, {"number": "A1"})

    def test_a_slow_request_keeps_its_key(self) -> None:
        """It was presumed dead but still running, and its response is the one that is kept."""
        cart = filled_cart()

        def be_slow(_key: IdempotencyKey) -> Answer:
            IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER - timedelta(seconds=1))
            with pytest.raises(CheckoutInProgress):
                ask(cart, Work(CheckoutInProgress()))
            return FIRST_ANSWER

        ask(cart, be_slow)
        assert ask(cart, Work(Answer(402, {}))) == Answer(201, {"number": "A1"}, replayed=True)

    def test_of_two_responses_the_first_is_kept(self) -> None:
        cart = filled_cart()

        def be_overtaken(_key: IdempotencyKey) -> Answer:
            IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER - timedelta(seconds=1))
            ask(cart, Work())
            return Answer(202, {})

        ask(cart, be_overtaken)
        assert ask(cart, Work()) == Answer(201, {"number": "A1"}, replayed=True)

    def test_a_late_refusal_does_not_discard_the_response(self) -> None:
        """The first request was presumed dead, its retry was answered, and then the first is refused."""
        cart = filled_cart()

        def be_overtaken(_key: IdempotencyKey) -> Answer:
            IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER - timedelta(seconds=1))
            ask(cart, Work())
            raise CartClosed

        with pytest.raises(CartClosed):
            ask(cart, be_overtaken)
        assert ask(cart, Work(Answer(402, {}))) == Answer(201, {"number": "A1"}, replayed=True)

    def test_a_late_refusal_does_not_free_the_key_of_its_retry(self) -> None:
        """The first request was presumed dead, and is refused while its retry is running."""
        cart = filled_cart()

        def be_overtaken(_key: IdempotencyKey) -> Answer:
            IdempotencyKey.objects.update(started_at=timezone.now())
            raise CartClosed

        with pytest.raises(CartClosed):
            ask(cart, be_overtaken)
        with pytest.raises(CheckoutInProgress):
            ask(cart, Work())

    def test_keys_are_kept_for_more_than_a_day(self) -> None:
        cart = filled_cart()
        ask(cart, Work())
        IdempotencyKey.objects.update(started_at=timezone.now() - timedelta(hours=25))
        run_round()
        assert ask(cart, Work()).replayed


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_one_runs() -> None:
    cart, started, go_on = filled_cart(), Event(), Event()

    class Slow(Work):
        def __call__(self, key: IdempotencyKey) -> Answer:
            started.set()
            assert go_on.wait(10)
            return super().__call__(key)

    work = Slow()

    def attempt(_number: int) -> str:
        try:
            return str(ask(cart, work).status)
        except CheckoutInProgress as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        attempts = [pool.submit(attempt, number) for number in range(20)]
        assert started.wait(10)
        while sum(each.done() for each in attempts) < 19:
            go_on.wait(0.01)
        go_on.set()
        answers = sorted(each.result() for each in attempts)
    assert answers == ["201"] + ["checkout_in_progress"] * 19
    assert work.runs == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_is_not_taken_over_while_its_order_commits() -> None:
    """The slow first request commits its order while the retry waits to take over."""
    cart, work = filled_cart(), Work()
    with pytest.raises(RuntimeError):
        ask(cart, Work(RuntimeError("slow")))
    IdempotencyKey.objects.update(started_at=timezone.now() - ABANDONED_AFTER * 2)

    def repeat() -> str:
        try:
            return str(ask(cart, work).status)
        except CheckoutInProgress as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            IdempotencyKey.objects.update(order_number="A1")
            repeated = pool.submit(repeat)
            eventually(a_connection_waits_for_us)
        assert repeated.result() == "checkout_in_progress"
    assert work.runs == 0


def a_connection_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone() is not None
