"""The payment provider."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import DATA_DIR, DEMO, env

STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
# The script for the card fields in the shopper's browser, so that card data never reaches this server.
STRIPE_JS_URL = env.str("STRIPE_JS_URL", default="https://js.stripe.com/v3/")
PAYMENT_TIMEOUT_SECONDS = env.float("PAYMENT_TIMEOUT_SECONDS", default=8.0)

# Raised here rather than in a system check, since gunicorn and Celery run none.
_LIVE = ("sk_live_", "rk_live_", "pk_live_")
for _name in ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"):
    if DEMO and env.str(_name, default="").strip().startswith(_LIVE):
        raise ImproperlyConfigured(
            f"ESTEIRA_DEMO is on, but {_name} is a live key. A demo shows all mail to everybody, serves plain HTTP and "
            f"hardly limits requests: it must not move real money. Unset ESTEIRA_DEMO (it may come from "
            f"{DATA_DIR / 'servers.env'}), or use test keys."
        )
