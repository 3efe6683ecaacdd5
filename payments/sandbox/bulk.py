"""Another application's intents on the same account, made by the thousand."""

from typing import Any

from payments.sandbox import events, intents
from payments.sandbox.context import Context
from payments.sandbox.store import FOREIGN, Document
from payments.sandbox.wire import invalid, new_id

MOST = 200_000
METADATA = {"application": "another"}


def add_foreign_intents(context: Context, values: dict[str, Any]) -> dict[str, Any]:
    """Store `count` intents, created at even intervals from `created_from` to `created_to`.

    `captured`: paid, else never confirmed. `events`: each paid one also has its event.
    """
    unknown = values.keys() - {"count", "created_from", "created_to", "captured", "amount", "metadata", "events"}
    now = context.store.now()
    count, amount = values.get("count"), values.get("amount", 1000)
    first, last = values.get("created_from", now - 3600), values.get("created_to", now)
    if unknown or not (isinstance(count, int) and 1 <= count <= MOST) or not first <= last:
        raise invalid(f"Send a count of 1 to {MOST}, and created_from not after created_to. Unknown: {sorted(unknown)}")
    paid, metadata = values.get("captured", True), values.get("metadata", METADATA)
    step = (last - first) / max(count - 1, 1)
    made = [_intent(int(first + step * number), amount, metadata, paid=paid) for number in range(count)]
    context.store.add_many("payment_intent", made, parent=FOREIGN)
    if paid and values.get("events"):
        events.announce_many(context, "payment_intent.succeeded", made)
    return {"count": count, "first": made[0]["id"], "last": made[-1]["id"]}


def _intent(created: int, amount: int, metadata: dict[str, str], *, paid: bool) -> Document:
    intent = intents.new({"metadata": metadata}, amount, "brl", created=created)
    if paid:
        intent |= {"status": "succeeded", "amount_received": amount, "latest_charge": new_id("ch")}
    return intent
