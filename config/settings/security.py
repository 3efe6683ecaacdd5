"""HTTPS, cookies, and the content security policy."""

from csp.constants import NONCE, NONE, SELF

from config.settings.base import DEBUG, DEMO, env
from config.settings.files import ASSETS_URL
from config.settings.payments import STRIPE_JS_URL

HTTPS = env.bool("HTTPS", default=not (DEMO or DEBUG))
SECURE_SSL_REDIRECT = HTTPS
# The number of proxies in front of us that append to X-Forwarded-For; with none, the header cannot be trusted.
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 63_072_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.pages.errors.csrf_refused"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024

_stripe_origin = "/".join(STRIPE_JS_URL.split("/")[:3])
_assets = [ASSETS_URL] if ASSETS_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF, *_assets],
        "script-src": [SELF, NONCE, _stripe_origin, *_assets],
        "style-src": [SELF, *_assets],
        "img-src": [SELF, "data:", *_assets],
        "connect-src": [SELF, _stripe_origin, "https://api.stripe.com"],
        "frame-src": [_stripe_origin, "https://hooks.stripe.com"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    },
}
