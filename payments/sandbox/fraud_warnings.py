"""Early fraud warnings: a card's bank says that a charge is likely to be disputed."""

from payments.sandbox import charges, events
from payments.sandbox.context import Context
from payments.sandbox.lists import listing
from payments.sandbox.store import Document
from payments.sandbox.wire import Params, new_id, one_of

KIND = "radar.early_fraud_warning"
FRAUD_TYPES = (
    "card_never_received", "fraudulent_card_application", "made_with_counterfeit_card", "made_with_lost_card",
    "made_with_stolen_card", "misc", "unauthorized_use_of_card",
)  # fmt: skip


def warn(context: Context, intent_id: str, fraud_type: str = "unauthorized_use_of_card") -> Document:
    """Warn of the intent's charge."""
    one_of(FRAUD_TYPES, fraud_type, "fraud_type")
    intent = context.get("payment_intent", intent_id)
    charge = charges.of_intent(context, intent)
    warning: Document = {
        "id": new_id("issfr"),
        "object": KIND,
        "actionable": not (charge["disputed"] or charge["refunded"]),
        "charge": charge["id"],
        "created": context.store.now(),
        "fraud_type": fraud_type,
        "livemode": False,
        "payment_intent": intent_id,
    }
    context.store.add(KIND, warning, parent=intent_id)
    events.announce(context, f"{KIND}.created", warning)
    return warning


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    return context.get(KIND, identifier, param="early_fraud_warning")


def list_(context: Context, params: Params) -> Document:
    """The warnings of a `payment_intent`, of a `charge`, or all."""
    parent = charges.filtered_intent(context, params)
    return listing(context.store, params, KIND, url="/v1/radar/early_fraud_warnings", parent=parent)
