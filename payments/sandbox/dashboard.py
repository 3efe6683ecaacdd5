"""Controls that do what somebody does by hand in Stripe's dashboard, or what banks do, without a call of the shop.

GET  settings                 what is set for the whole sandbox
POST settings                 {"later_seconds"}: how long "some time later" is, by default 2
POST later                    let all happen at once that is scheduled for later
POST intents/{id}/refund      {"amount", "reason"}: refund what is left, or a part, without our metadata
POST intents/{id}/capture     {"amount"}: capture what was only authorized
POST intents/{id}/cancel      cancel
POST intents/{id}/dispute     {"reason", "amount", "due_by", "status"}: the cardholder disputes; by default all of it,
                              as fraudulent, needs_response; `warning_needs_response` is an inquiry
POST intents/{id}/early_fraud_warning
                              {"fraud_type"}
POST disputes/{id}            {"status", "funds"}: move a dispute to any status, with its funds unless `funds` is false
POST disputes/{id}/withdraw   withdraw its funds
POST disputes/{id}/reinstate  reinstate its funds
POST refunds/{id}             {"status", "failure_reason", "pending_reason"}: move a refund to any status
"""

import re
from collections.abc import Callable
from typing import Any

from payments.sandbox import disputes, fraud_warnings, intents, later, refunds
from payments.sandbox.context import LATER_SECONDS, Context
from payments.sandbox.store import Document
from payments.sandbox.wire import invalid

Values = dict[str, Any]


def find(method: str, path: str) -> Callable[[Context, Values], Document] | None:
    """The control at this path below `/_sandbox/`."""
    for route_method, pattern, control in _ROUTES:
        match = pattern.fullmatch(path)
        if match and method == route_method:
            arguments = match.groups()
            return lambda context, values: control(context, values, *arguments)
    return None


def _settings(context: Context, values: Values) -> Document:
    _known(values, "later_seconds")
    for name, value in values.items():
        context.store.remember(name, str(float(value)))
    return {"later_seconds": float(context.store.fact("later_seconds", str(LATER_SECONDS)))}


def _later(context: Context, _values: Values) -> Document:
    return {"happened": later.happen_now(context)}


def _refund(context: Context, values: Values, identifier: str) -> Document:
    return refunds.create(context, {"payment_intent": identifier, **_typed(values)})


def _capture(context: Context, values: Values, identifier: str) -> Document:
    amount = _typed(values).get("amount")
    return intents.capture(context, {"amount_to_capture": amount} if amount else {}, identifier)


def _cancel(context: Context, _values: Values, identifier: str) -> Document:
    return intents.cancel(context, {}, identifier)


def _move_refund(context: Context, values: Values, identifier: str) -> Document:
    _known(values, "status", "failure_reason", "pending_reason")
    return refunds.move(context, identifier, **{"status": "", **values})


def _dispute(context: Context, values: Values, identifier: str) -> Document:
    _known(values, "reason", "amount", "due_by", "status")
    return disputes.open_(context, identifier, **values)


def _early_fraud_warning(context: Context, values: Values, identifier: str) -> Document:
    _known(values, "fraud_type")
    return fraud_warnings.warn(context, identifier, **values)


def _move_dispute(context: Context, values: Values, identifier: str) -> Document:
    _known(values, "status", "funds")
    return disputes.move(context, identifier, **{"status": "", **values})


def _known(values: Values, *names: str) -> None:
    """Raises ApiError if there are others."""
    if unknown := values.keys() - set(names):
        raise invalid(f"Unknown: {', '.join(sorted(unknown))}. Send {', '.join(names)}.")


def _typed(values: Values) -> dict[str, str]:
    """JSON values as the API's forms have them."""
    return {name: str(value) for name, value in values.items() if value is not None}


_ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Document]]] = [
    ("GET", re.compile("settings"), _settings),
    ("POST", re.compile("settings"), _settings),
    ("POST", re.compile("later"), _later),
    ("POST", re.compile(r"intents/(\w+)/refund"), _refund),
    ("POST", re.compile(r"intents/(\w+)/capture"), _capture),
    ("POST", re.compile(r"intents/(\w+)/cancel"), _cancel),
    ("POST", re.compile(r"intents/(\w+)/dispute"), _dispute),
    ("POST", re.compile(r"intents/(\w+)/early_fraud_warning"), _early_fraud_warning),
    ("POST", re.compile(r"disputes/(\w+)"), _move_dispute),
    ("POST", re.compile(r"disputes/(\w+)/withdraw"), lambda context, _values, id_: disputes.withdraw(context, id_)),
    ("POST", re.compile(r"disputes/(\w+)/reinstate"), lambda context, _values, id_: disputes.reinstate(context, id_)),
    ("POST", re.compile(r"refunds/(\w+)"), _move_refund),
]
