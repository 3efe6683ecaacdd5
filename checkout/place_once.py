"""Place an order at most once per idempotency key: what the page and the API share."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from checkout.ask_provider import recover_order
from checkout.exceptions import PaymentDeclined
from checkout.idempotency import Answer, answer_once
from checkout.models import IdempotencyKey, Order
from checkout.place_order import PlaceOrder, place_order


@dataclass(frozen=True)
class Render:
    """How the page or the API renders the two answers that are stored under a key.

    `form` names the format, so that one never replays an answer rendered by the other.
    """

    placed: Callable[[Order], Answer]
    declined: Callable[[PaymentDeclined], Answer]
    form: str = ""


def place_once(command: PlaceOrder, key: str, render: Render) -> Answer:
    """Place the order, or return the answer that the first request with this `key` got.

    Must not be called inside a transaction. Raises what `answer_once` and `place_order` raise, except PaymentDeclined,
    which is an answer.
    """
    request = {"payment_method": command.payment_method, "expected_total": str(command.expected_total)}

    def place(entry: IdempotencyKey) -> Answer:
        try:
            return render.placed(place_order(replace(command, key=entry)))
        except PaymentDeclined as refusal:
            return render.declined(refusal)

    def recover(number: str) -> Answer | None:
        try:
            order = recover_order(number)
        except PaymentDeclined as refusal:
            return render.declined(refusal)
        return render.placed(order) if order else None

    return answer_once(
        cart_token=command.cart_token,
        user_id=command.user_id,
        key=key,
        request={**request, "answer": render.form} if render.form else request,
        run=place,
        recover=recover,
    )
