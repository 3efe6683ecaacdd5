"""Requests to a gateway."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from payments.gateways.base import AuthorizeRequest, LostAttempt

RETURN_URL = "https://shop.example/back?order=1"


def a_charge(method_token: str = "pm_card_visa", **fields: Any) -> AuthorizeRequest:
    values: dict[str, Any] = {
        "attempt_id": uuid4(),
        "amount": Decimal("109.80"),
        "currency": "BRL",
        "method_token": method_token,
        "description": "Order 1",
        "return_url": RETURN_URL,
        "expires_at": datetime.now(UTC) + timedelta(minutes=30),
        "metadata": {"order": "1"},
    }
    return AuthorizeRequest(**{**values, **fields})


def lost(request: AuthorizeRequest) -> LostAttempt:
    return LostAttempt(
        attempt_id=request.attempt_id,
        amount=request.amount,
        currency=request.currency,
        started_at=datetime.now(UTC),
    )
