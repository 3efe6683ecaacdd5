"""Finding payment intents at Stripe: that of a lost attempt, and all that were created in a period."""

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import stripe
from stripe.params import PaymentIntentListParams

from config.resilience.breakers import ProviderFailure
from payments.gateways.base import LostAttempt, Outcome
from payments.gateways.stripe_calls import StripeCalls, plain
from payments.gateways.stripe_documents import outcome_of_intent
from payments.gateways.stripe_params import placeholder_params

# The window to search for a lost attempt: clocks differ, and the call may have been delayed.
SEARCH_SECONDS_BEFORE = 300
SEARCH_SECONDS_AFTER = 900
MAX_SEARCH_PAGES = 20

logger = logging.getLogger(__name__)


class IntentSearch:
    """Looks up intents whose ids are unknown.

    Stripe's search endpoint would be simpler, but lags by up to a minute; the list does not.
    """

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    def find(self, lost: LostAttempt) -> Outcome:
        """Find the intent of `lost` among those created around that time; if there is none, make sure none follows.

        The original call is never repeated as a lookup: if it did not arrive the first time, the repetition would
        charge the shopper.

        Finding nothing proves nothing: the lost call may still be in flight. So we consume its idempotency key with a
        placeholder intent that is never confirmed and cancelled at once. Stripe then rejects the late call, because it
        reuses the key with other parameters. If the placeholder is rejected instead, the lost call arrived first.
        """
        try:
            found = self._find(lost)
            if found is not None:
                return outcome_of_intent(found)
            return self._consume_key(lost)
        except (ProviderFailure, stripe.StripeError) as error:
            logger.warning("Stripe could not be searched for attempt %s: %s", lost.attempt_id, type(error).__name__)
            return Outcome(kind="unknown", message=type(error).__name__)

    def created(self, first: int, last: int) -> Iterator[dict[str, Any]]:
        """The intents created between two Unix timestamps, newest first, page by page."""
        params: PaymentIntentListParams = {"created": {"gte": first, "lte": last}, "limit": 100}
        for _page in range(MAX_SEARCH_PAGES):
            page = plain(self._calls.call(lambda: self._calls.intents.list(params)))
            yield from page["data"]
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]
        raise stripe.APIError("Too many payment intents to search.")

    def _find(self, lost: LostAttempt) -> dict[str, Any] | None:
        started_at = int(lost.started_at.timestamp())
        intents = self.created(started_at - SEARCH_SECONDS_BEFORE, started_at + SEARCH_SECONDS_AFTER)
        return next((intent for intent in intents if attempt_of(intent) == str(lost.attempt_id)), None)

    def _consume_key(self, lost: LostAttempt) -> Outcome:
        intent = self._calls.call(
            lambda: self._calls.intents.create(placeholder_params(lost), {"idempotency_key": str(lost.attempt_id)})
        )
        try:
            self._calls.call(lambda: self._calls.cancel(intent.id))
        except (ProviderFailure, stripe.StripeError):
            logger.info("Placeholder %s was not cancelled; it has no payment method and cannot be charged.", intent.id)
        return Outcome(kind="cancelled", message="The provider never received the call.", captured=Decimal("0.00"))


def attempt_of(intent: dict[str, Any]) -> str:
    """The id of the attempt that the intent charges; empty if it is none of ours."""
    return str(intent.get("metadata", {}).get("attempt", ""))
