"""The parameters of the payment intents that we ask Stripe to create."""

import time
from datetime import datetime
from typing import Literal

from stripe.params import PaymentIntentCreateParams

from config.money import to_minor_units
from payments.gateways.base import PIX, AuthorizeRequest, LostAttempt
from payments.gateways.stripe_documents import PLACEHOLDER

# Stripe accepts no Pix expiry under a minute.
MIN_PIX_SECONDS = 65


def charge_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    """Those of an intent that is created and confirmed in one call."""
    return _pix_params(request) if request.method_token == PIX else _card_params(request)


def placeholder_params(lost: LostAttempt) -> PaymentIntentCreateParams:
    """Those of an intent that only consumes the idempotency key of `lost`: it cannot be charged."""
    return {
        "amount": to_minor_units(lost.amount, lost.currency),
        "currency": lost.currency.lower(),
        "allowed_payment_method_types": ["card"],
        "metadata": {PLACEHOLDER: str(lost.attempt_id)},
    }


def _card_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    return {
        **_common_params(request),
        "payment_method": request.method_token,
        "allowed_payment_method_types": ["card"],
        "return_url": request.return_url,
    }


def _pix_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    params = _common_params(request)
    params["allowed_payment_method_types"] = ["pix"]
    params["payment_method_data"] = {"type": "pix"}
    if request.expires_at is not None:
        params["payment_method_options"] = {"pix": {"expires_at": _pix_expiry(request.expires_at)}}
    return params


def _common_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    capture_method: Literal["automatic", "manual"] = "automatic" if request.capture_now else "manual"
    return {
        "amount": to_minor_units(request.amount, request.currency),
        "currency": request.currency.lower(),
        "confirm": True,
        "capture_method": capture_method,
        "description": request.description,
        "metadata": {**request.metadata, "attempt": str(request.attempt_id)},
    }


def _pix_expiry(expires_at: datetime) -> int:
    return max(int(expires_at.timestamp()), int(time.time()) + MIN_PIX_SECONDS)
