"""Events: what Stripe tells the shop of each change, and can be asked for up to 30 days afterwards."""

from payments.sandbox import lists
from payments.sandbox.context import Context
from payments.sandbox.event_log import NEVER
from payments.sandbox.store import Document
from payments.sandbox.wire import Params, invalid, missing, new_id, public

API_VERSION = "2026-10-28.endive"
KEPT_SECONDS = 30 * 86_400
MOST_TYPES = 20


def announce(context: Context, type_: str, subject: Document, *, previous: Document | None = None) -> None:
    """Store an event about `subject` as it is now, to be delivered. `previous`: what its changed fields were."""
    event = _new(type_, subject, context.store.now(), previous)
    context.store.event_log.add([event], _due(context, type_))


def announce_many(context: Context, type_: str, subjects: list[Document]) -> None:
    """The same for thousands at a time, whatever faults are on."""
    now = context.store.now()
    context.store.event_log.add((_new(type_, subject, now, None) for subject in subjects), context.store.moment())


def _new(type_: str, subject: Document, now: int, previous: Document | None) -> Document:
    data: Document = {"object": public(subject)}
    if previous:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
    }


def _due(context: Context, type_: str) -> float:
    """When the event is to be delivered, by the faults that are on."""
    if context.webhook_fault("webhooks_lost", type_):
        return NEVER
    due = context.store.moment()
    if late := context.webhook_fault("webhooks_late", type_):
        due += late.seconds
    if shuffled := context.webhook_fault("webhooks_shuffled", type_):
        # Before the event made last, as long as that one waits.
        last = context.store.event_log.last_due()
        due += (last - due) / 2 if last > due else shuffled.seconds
    return due


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    event = context.store.event_log.get(identifier)
    if event is None or event["created"] < _oldest(context):
        raise missing("event", identifier)
    return event


def list_(context: Context, params: Params) -> Document:
    """The events of a `type` (`charge.*` is a group of them), of `types[]`, or all."""
    after, before = lists.cursors(params)
    first, last = lists.created_range(params)
    delivered = {"true": True, "false": False}.get(str(params.get("delivery_success")))
    try:
        found, more = context.store.event_log.page(
            limit=lists.limit(params),
            created=(max(first, _oldest(context)), last),
            types=_types(params),
            delivered=delivered,
            after=after,
            before=before,
        )
    except LookupError as unknown:
        raise missing("event", str(unknown), param="starting_after" if after else "ending_before", status=400) from None
    return lists.page(found, more=more, url="/v1/events")


def _types(params: Params) -> list[str]:
    types = params.get("types") or []
    if not isinstance(types, list) or len(types) > MOST_TYPES:
        raise invalid(f"types must be an array of at most {MOST_TYPES}.", param="types")
    if types and params.get("type"):
        raise invalid("You may only specify one of these parameters: type, types.")
    return [str(type_) for type_ in types or filter(None, [params.get("type")])]


def _oldest(context: Context) -> int:
    return context.store.now() - KEPT_SECONDS
