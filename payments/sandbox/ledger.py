"""The sandbox's totals in minor units, for balance checks."""

from typing import Any

from payments.sandbox.store import Store


def ledger(store: Store) -> dict[str, Any]:
    """What this shop's intents captured and gave back; those of other applications are counted apart.

    `refunded` has really gone out, `pending` may still fail, `disputed` is withdrawn by disputes and not reinstated;
    `dispute_fees` came on top.
    """
    statuses: dict[str, int] = {}
    captured = 0
    orders: dict[str, int] = {}
    for intent in store.own("payment_intent"):
        statuses[intent["status"]] = statuses.get(intent["status"], 0) + 1
        captured += intent["amount_received"]
        if intent["amount_received"]:
            order = str(intent["metadata"].get("order", ""))
            orders[order] = orders.get(order, 0) + 1
    refunds = list(store.own("refund"))
    refunded = _total(refunds, "succeeded")
    moved = [transaction for dispute in store.own("dispute") for transaction in dispute["balance_transactions"]]
    disputed = -sum(transaction["amount"] for transaction in moved)
    foreign_intents, foreign_captured = store.foreign()
    return {
        "captured": captured,
        "refunded": refunded,
        "pending": _total(refunds, "pending", "requires_action"),
        "disputed": disputed,
        "dispute_fees": sum(transaction["fee"] for transaction in moved),
        "balance": captured - refunded - disputed,
        "intents": statuses,
        "charged_orders": len(orders),
        "orders_charged_twice": sorted(order for order, charges in orders.items() if charges > 1),
        "foreign": {"intents": foreign_intents, "captured": foreign_captured},
    }


def charges(store: Store) -> list[dict[str, Any]]:
    """What was captured and given back of each charge."""
    return [_charge(store, intent) for intent in store.own("payment_intent") if intent["amount_received"]]


def _charge(store: Store, intent: dict[str, Any]) -> dict[str, Any]:
    refunds, disputes = store.children("refund", intent["id"]), store.children("dispute", intent["id"])
    moved = [transaction for dispute in disputes for transaction in dispute["balance_transactions"]]
    return {
        "intent": intent["id"],
        "charge": intent["latest_charge"],
        "order": intent["metadata"].get("order"),
        "currency": intent["currency"],
        "captured": intent["amount_received"],
        "refunded": _total(refunds, "succeeded"),
        "pending": _total(refunds, "pending", "requires_action"),
        "disputed": -sum(transaction["amount"] for transaction in moved),
        "disputes": [dispute["status"] for dispute in disputes],
    }


def _total(refunds: list[dict[str, Any]], *statuses: str) -> int:
    return sum(refund["amount"] for refund in refunds if refund["status"] in statuses)
