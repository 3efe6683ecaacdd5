"""The controls under `/_sandbox/`: faults, the ledger, the clock, events, reset; and those of `dashboard.py`.

GET, POST, DELETE faults      list active faults; add one (see `faults.py`); clear all
GET  ledger                   totals in minor units
GET  ledger/charges           by charge: captured, refunded, pending, disputed
GET  events                   all events, with their number of tries
POST events/{id}/redeliver    deliver again
POST webhooks                 {"url", "secret"}: set where events are delivered
POST clock                    {"advance_seconds"}: move the sandbox's clock forward
POST intents/bulk             {"count", "created_from", "created_to", "captured", "amount", "metadata", "events"}:
                              intents of another application, which the ledger counts apart
POST reset                    delete everything, clear all faults
"""

import re
from collections.abc import Callable

from payments.sandbox import bulk, dashboard, later
from payments.sandbox.faults import KINDS
from payments.sandbox.handler import Handler
from payments.sandbox.ledger import charges, ledger
from payments.sandbox.wire import invalid, public

_REDELIVER = re.compile(r"/_sandbox/events/(\w+)/redeliver")


def serve(handler: Handler, path: str) -> bool:
    """Answer if `path` is a control; returns whether it is."""
    if handler.command == "POST" and (match := _REDELIVER.fullmatch(path)):
        _redeliver(handler, match[1])
        return True
    answer = _ROUTES.get((handler.command, path.rstrip("/")))
    if answer is not None:
        answer(handler)
        return True
    control = dashboard.find(handler.command, path.removeprefix("/_sandbox/"))
    if control is not None:
        values = handler.json()
        with handler.application.store.transaction():
            document = control(handler.context, values)
        handler.send_json(200, public(document))
    return control is not None


def _faults(handler: Handler) -> None:
    handler.send_json(200, {"faults": handler.application.faults.listing()})


def _add_fault(handler: Handler) -> None:
    document = handler.json()
    if not document:
        raise invalid(f"Send a JSON object with a kind, one of {sorted(KINDS)}.")
    fault = handler.application.faults.add(document)
    if fault.kind == "refused":
        handler.close_connection = True
        handler.application.refuse(fault.seconds)
        handler.application.cut_connections(but=handler.connection)
    _faults(handler)


def _clear_faults(handler: Handler) -> None:
    handler.application.faults.clear()
    _faults(handler)


def _ledger(handler: Handler) -> None:
    store = handler.application.store
    with store.transaction():
        totals = ledger(store)
    handler.send_json(200, totals)


def _charges(handler: Handler) -> None:
    store = handler.application.store
    with store.transaction():
        rows = charges(store)
    handler.send_json(200, {"charges": rows})


def _events(handler: Handler) -> None:
    store = handler.application.store
    with store.transaction():
        events = store.event_log.listing()
    handler.send_json(200, {"events": events})


def _redeliver(handler: Handler, event_id: str) -> None:
    store = handler.application.store
    with store.transaction():
        found = store.event_log.redeliver(event_id, store.moment())
    handler.send_json(200 if found else 404, {"redelivered": found})


def _webhooks(handler: Handler) -> None:
    document, webhook_sender = handler.json(), handler.application.webhook_sender
    webhook_sender.url = str(document.get("url", webhook_sender.url))
    webhook_sender.secret = str(document.get("secret", webhook_sender.secret))
    handler.send_json(200, {"url": webhook_sender.url})


def _clock(handler: Handler) -> None:
    seconds = handler.json().get("advance_seconds")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise invalid("advance_seconds must be a number of seconds, not negative.")
    store = handler.application.store
    with store.transaction():
        store.remember("clock_offset", str(float(store.fact("clock_offset", "0")) + seconds))
        later.happen(handler.context)
        now = store.now()
    handler.send_json(200, {"now": now})


def _bulk(handler: Handler) -> None:
    document, store = handler.json(), handler.application.store
    with store.transaction():
        made = bulk.add_foreign_intents(handler.context, document)
    handler.send_json(200, made)


def _reset(handler: Handler) -> None:
    store = handler.application.store
    handler.application.faults.clear()
    with store.transaction():
        store.forget_everything()
    handler.send_json(200, {})


def _index(handler: Handler) -> None:
    handler.send_json(200, {"name": "Esteira's sandbox provider", "controls": (__doc__ or "").splitlines()})


_ROUTES: dict[tuple[str, str], Callable[[Handler], None]] = {
    ("GET", ""): _index,
    ("GET", "/_sandbox/faults"): _faults,
    ("POST", "/_sandbox/faults"): _add_fault,
    ("DELETE", "/_sandbox/faults"): _clear_faults,
    ("GET", "/_sandbox/ledger"): _ledger,
    ("GET", "/_sandbox/ledger/charges"): _charges,
    ("GET", "/_sandbox/events"): _events,
    ("POST", "/_sandbox/webhooks"): _webhooks,
    ("POST", "/_sandbox/clock"): _clock,
    ("POST", "/_sandbox/intents/bulk"): _bulk,
    ("POST", "/_sandbox/reset"): _reset,
}
