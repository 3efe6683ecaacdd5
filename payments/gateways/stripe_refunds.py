"""Refunds at Stripe, and what became of a charge."""

from typing import Any

import stripe
from stripe.params import RefundCreateParams

from config.money import from_minor_units, to_minor_units
from config.resilience.breakers import ProviderFailure
from payments.gateways.base import ProviderCharge, RefundOutcome, RefundRequest
from payments.gateways.stripe_calls import StripeCalls, plain
from payments.gateways.stripe_charges import REFUND_ID, dispute_of, refund_of, refund_outcome
from payments.gateways.stripe_errors import NothingSent, unavailable

# A charge has few refunds and disputes, so one page holds them.
PAGE = 100
# A failure that Stripe keeps under a key is repeated for a day; see `StripeRefunds._create`.
MAX_KEYS = 5


class StripeRefunds:
    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Refund. Looks for an existing refund first, since Stripe drops idempotency keys after a day."""
        try:
            return refund_outcome(self._find(request) or self._create(request))
        except NothingSent as error:
            raise unavailable(error.__cause__ or error, "refund") from error
        except ProviderFailure as error:
            return RefundOutcome(kind="unknown", message=type(error.__cause__ or error).__name__)
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            already_done = error.code == "charge_already_refunded"
            return RefundOutcome(kind="failed", message=(error.user_message or "")[:500], already_done=already_done)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise unavailable(error, "refund", retry_after=60) from error
        except stripe.StripeError as error:
            return RefundOutcome(kind="unknown", message=type(error).__name__)

    def charge(self, provider_reference: str) -> ProviderCharge:
        """What became of a charge. Raises PaymentUnavailable."""
        api, call = self._calls.client.v1, self._calls.call
        try:
            intent = plain(call(lambda: api.payment_intents.retrieve(provider_reference)))
            refunds = plain(call(lambda: api.refunds.list({"payment_intent": provider_reference, "limit": PAGE})))
            disputes = plain(call(lambda: api.disputes.list({"payment_intent": provider_reference, "limit": PAGE})))
        except (ProviderFailure, stripe.StripeError) as error:
            raise unavailable(error, "charge") from error
        return ProviderCharge(
            captured=from_minor_units(intent.get("amount_received") or 0, intent["currency"]),
            refunds=tuple(refund_of(refund) for refund in reversed(refunds["data"])),
            disputes=tuple(dispute_of(dispute) for dispute in reversed(disputes["data"])),
        )

    def _find(self, request: RefundRequest) -> dict[str, Any] | None:
        api = self._calls.client.v1.refunds
        if request.refund_reference:
            return plain(self._calls.call(lambda: api.retrieve(request.refund_reference)))
        listed = self._calls.call(lambda: api.list({"payment_intent": request.provider_reference, "limit": PAGE}))
        for refund in plain(listed)["data"]:
            if (refund.get("metadata") or {}).get(REFUND_ID) == str(request.refund_id):
                return dict(refund)
        return None

    def _create(self, request: RefundRequest) -> dict[str, Any]:
        """Create a refund that is not there.

        If Stripe repeats a failure that it kept under the refund's key, the call of that key is over and has refunded
        nothing, or `_find` would have seen it. The next key is fixed too, so that two of us still refund once.
        """
        params: RefundCreateParams = {
            "payment_intent": request.provider_reference,
            "amount": to_minor_units(request.amount, request.currency),
            "metadata": {REFUND_ID: str(request.refund_id)},
        }
        keys = [str(request.refund_id), *(f"{request.refund_id}:{number}" for number in range(2, MAX_KEYS + 1))]
        for key in keys[:-1]:
            try:
                return self._post(params, key)
            except stripe.APIError as error:
                if error.http_status == 409:
                    raise
        return self._post(params, keys[-1])

    def _post(self, params: RefundCreateParams, key: str) -> dict[str, Any]:
        return plain(self._calls.call(lambda: self._calls.client.v1.refunds.create(params, {"idempotency_key": key})))
