"""Lists as in Stripe's API: newest first, in pages, filtered by the time of creation."""

from payments.sandbox.store import EVER, Document, Store
from payments.sandbox.wire import Params, integer, invalid, mapping, missing, public


def listing(store: Store, params: Params, kind: str, *, url: str, parent: str | None = None) -> Document:
    """The page of documents that `params` asks for."""
    after, before = cursors(params)
    try:
        documents, more = store.page(
            kind, limit=limit(params), created=created_range(params), parent=parent, after=after, before=before
        )
    except LookupError as unknown:
        raise missing(kind, str(unknown), param="starting_after" if after else "ending_before", status=400) from None
    return page([public(document) for document in documents], more=more, url=url)


def page(documents: list[Document], *, more: bool, url: str) -> Document:
    return {"object": "list", "url": url, "has_more": more, "data": documents}


def limit(params: Params) -> int:
    number = integer(params, "limit")
    number = 10 if number is None else number
    if not 1 <= number <= 100:
        raise invalid("The limit must be between 1 and 100.", param="limit")
    return number


def cursors(params: Params) -> tuple[str | None, str | None]:
    """`starting_after` and `ending_before`. Raises ApiError if both are given."""
    after, before = params.get("starting_after") or None, params.get("ending_before") or None
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    return after, before


def created_range(params: Params) -> tuple[int, int]:
    """The first and the last moment that `created` admits."""
    created = params.get("created")
    if isinstance(created, str):
        moment = integer(params, "created") or 0
        return moment, moment
    bounds = mapping(params, "created")
    first, last = EVER
    low = max(_or(integer(bounds, "gte"), first), _or(integer(bounds, "gt"), first - 1) + 1)
    high = min(_or(integer(bounds, "lte"), last), _or(integer(bounds, "lt"), last + 1) - 1)
    return low, high


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
