"""Finding at Stripe: the intent of a lost attempt, and all intents or events that were created in a period."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import stripe
from stripe.params import EventListParams, PaymentIntentListParams

from config.resilience.breakers import ProviderFailure
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import KeyUse, LostAttempt
from payments.gateways.stripe_calls import StripeCalls, plain
from payments.gateways.stripe_errors import is_repeated, unavailable
from payments.gateways.stripe_params import placeholder_params

PAGE = 100

logger = logging.getLogger(__name__)


class IntentSearch:
    """Looks up intents whose ids are unknown.

    Stripe's search endpoint would be simpler, but lags by up to a minute; the list does not.
    """

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    def use_up_key(self, lost: LostAttempt) -> KeyUse:
        """See `Gateway.use_up_key`: creates an intent that is never confirmed, and cancels it."""
        try:
            placeholder = self._calls.call(
                lambda: self._calls.intents.create(placeholder_params(lost), {"idempotency_key": str(lost.attempt_id)})
            )
        except (ProviderFailure, stripe.StripeError) as error:
            return _use_of_refused_key(lost, error)
        try:
            self._calls.call(lambda: self._calls.cancel(placeholder.id))
        except (ProviderFailure, stripe.StripeError, PaymentUnavailable):
            logger.info("Placeholder %s was not cancelled; it has no payment method: harmless.", placeholder.id)
        return "free"

    def find(self, lost: LostAttempt, first: datetime, last: datetime) -> dict[str, Any] | None:
        """The intent of `lost` if it was created in [first, last). Raises PaymentUnavailable."""
        intents = self.created(first, last)
        return next((intent for intent in intents if attempt_of(intent) == str(lost.attempt_id)), None)

    def created(self, first: datetime, last: datetime, *, expand: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """The intents created in [first, last), newest first, page by page. Raises PaymentUnavailable."""
        params: PaymentIntentListParams = {"created": _span(first, last), "limit": PAGE}
        if expand:
            params["expand"] = expand
        return self._pages(self._calls.intents.list, params)

    def events(self, first: datetime, last: datetime, types: list[str]) -> Iterator[dict[str, Any]]:
        """The events of these types created in [first, last), newest first. Raises PaymentUnavailable."""
        params: EventListParams = {"created": _span(first, last), "limit": PAGE, "types": types}
        return self._pages(self._calls.client.v1.events.list, params)

    def _pages(self, list_: Callable[[Any], Any], params: Any) -> Iterator[dict[str, Any]]:
        while True:
            try:
                page = plain(self._calls.call(lambda: list_(params)))
            except (ProviderFailure, stripe.StripeError) as error:
                raise unavailable(error.__cause__ or error, "list") from error
            yield from page["data"]
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]


def _span(first: datetime, last: datetime) -> Any:
    """[first, last) for Stripe, whose clock has whole seconds: both ends are rounded down, so that consecutive spans
    leave no gap."""
    return {"gte": int(first.timestamp()), "lt": int(last.timestamp())}


def attempt_of(intent: dict[str, Any]) -> str:
    """The id of the attempt that the intent charges; empty if it is none of ours."""
    return str(intent.get("metadata", {}).get("attempt", ""))


def _use_of_refused_key(lost: LostAttempt, error: Exception) -> KeyUse:
    """`used` if Stripe knows the key: it has other parameters, or a failure that Stripe kept.

    Also if Stripe refuses the placeholder's amount or currency: it refuses the lost call for the same reason.
    """
    is_known = isinstance(error, stripe.StripeError) and is_repeated(error)
    if is_known or isinstance(error, stripe.IdempotencyError | stripe.InvalidRequestError):
        return "used"
    # A call under the same key is in progress, or Stripe fails.
    logger.warning("The key of attempt %s could not be used up: %s", lost.attempt_id, type(error).__name__)
    return "unclear"
