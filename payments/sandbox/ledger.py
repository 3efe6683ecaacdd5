"""The sandbox's totals in minor units, for balance checks."""

from typing import Any

from payments.sandbox.store import Store


def ledger(store: Store) -> dict[str, Any]:
    """What this shop's intents captured and gave back; those of other applications are counted apart."""
    statuses: dict[str, int] = {}
    captured = 0
    orders: dict[str, int] = {}
    for intent in store.own("payment_intent"):
        statuses[intent["status"]] = statuses.get(intent["status"], 0) + 1
        captured += intent["amount_received"]
        if intent["amount_received"]:
            order = str(intent["metadata"].get("order", ""))
            orders[order] = orders.get(order, 0) + 1
    refunded = sum(refund["amount"] for refund in store.own("refund"))
    foreign_intents, foreign_captured = store.foreign()
    return {
        "captured": captured,
        "refunded": refunded,
        "balance": captured - refunded,
        "intents": statuses,
        "charged_orders": len(orders),
        "orders_charged_twice": sorted(order for order, charges in orders.items() if charges > 1),
        "foreign": {"intents": foreign_intents, "captured": foreign_captured},
    }
