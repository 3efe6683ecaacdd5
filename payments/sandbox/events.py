"""Events: what Stripe tells the shop of each change."""

from payments.sandbox.context import Context
from payments.sandbox.store import Document
from payments.sandbox.wire import new_id, public

API_VERSION = "2026-10-28.endive"


def announce(context: Context, type_: str, subject: Document, *, previous: Document | None = None) -> None:
    """Store an event about `subject` as it is now, to be delivered. `previous`: what its changed fields were."""
    data: Document = {"object": public(subject)}
    if previous:
        data["previous_attributes"] = previous
    event = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": context.store.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
    }
    context.store.event_log.add(event, context.store.moment())
