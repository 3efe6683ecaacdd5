"""`expand[]`: objects in place of their ids, as in Stripe's API."""

from typing import Any

from payments.sandbox import charges, lists
from payments.sandbox.context import Context
from payments.sandbox.store import Document
from payments.sandbox.wire import Params, invalid, public

# What each property refers to.
_KINDS = {"latest_charge": "charge", "charge": "charge", "payment_intent": "payment_intent"}
_DEEPEST = 4


def expand(context: Context, document: Document, params: Params) -> Document:
    """The document with the properties expanded that `params` names. Raises ApiError for one that cannot be."""
    paths = params.get("expand") or []
    for path in paths if isinstance(paths, list) else [paths]:
        parts = str(path).split(".")
        if len(parts) > _DEEPEST:
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        document = _expand(context, document, parts, path)
    return document


def _expand(context: Context, document: Document, parts: list[str], path: str) -> Document:
    name, deeper = parts[0], parts[1:]
    if name == "data" and document.get("object") == "list":
        return document | {"data": [_expand(context, item, deeper, path) for item in document["data"]]}
    if name == "refunds" and document.get("object") == "charge":
        value: Any = lists.listing(
            context.store, {}, "refund", url=f"/v1/charges/{document['id']}/refunds", parent=document["payment_intent"]
        )
    elif name in _KINDS and name in document:
        value = document[name]
        if isinstance(value, str):
            value = _referred(context, document, name, value)
    else:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    if deeper and value is not None:
        value = _expand(context, value, deeper, path)
    return document | {name: value}


def _referred(context: Context, document: Document, name: str, identifier: str) -> Document:
    if name == "latest_charge":
        intent = context.get("payment_intent", document["id"])
        return public(charges.of_intent(context, intent))
    return public(context.get(_KINDS[name], identifier))
