"""For how many days each kind of row is kept. docs/privacy.md says why; `manage.py check` refuses periods that are too
short for a law."""

from config.settings.base import env

_DEFAULTS = {
    "api_tokens": 1,
    "audit": 1826,
    "cart_addresses": 14,
    "carts": 30,
    "data_requests": 2,
    "erased_orders": 2192,
    "idempotency_keys": 2,
    "orders": 2192,
    "outbox_messages": 365,
    "payment_traces": 180,
    "quotes": 1,
    "receipts": 7,
    "refund_errors": 180,
    "saved_addresses": 730,
    "sessions": 1,
    "sign_ups": 4,
    "unpaid_orders": 180,
    "webhook_events": 90,
}
RETENTION_DAYS = {name: env.int(f"RETENTION_{name.upper()}_DAYS", default=days) for name, days in _DEFAULTS.items()}
