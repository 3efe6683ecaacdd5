"""The REST API: DRF, rate limits, and the OpenAPI document."""

from config.settings.base import DEMO, env

# Requests per account or network, by scope: "20/min", with s, min, h or d; None is no limit. RATE_LIMITS=off lifts
# them all, RATE_LIMIT_CHECKOUT=5/min changes one. The demo allows one person with a hundred tabs. SECURITY.md says what
# each counts. Pages and API count together: many shoppers may share the address of a mobile network.
_rates = {
    "reads": "600/min",
    "writes": "300/min",
    "checkout": "20/min",
    "declines": "20/h",
    "find_order": "20/min",
    "sign_in": "30/min",
    "sign_in_network": "20/h",
    "sign_in_account": "100/h",
    "sign_in_attacked": "2/h",
    "sign_in_device": "20/h",
    "sign_in_log": "60/h",
    "sign_up": "20/h",
}
_demo_rates = {
    "reads": "9999/min",
    "writes": "999/min",
    "checkout": "999/min",
    "declines": "999/h",
    "find_order": "999/min",
    "sign_in": "600/min",
    "sign_in_network": "600/h",
    "sign_in_account": "600/h",
    "sign_in_attacked": "60/h",
    "sign_in_device": "600/h",
    "sign_in_log": "60/h",
    "sign_up": "99/min",
}
_limited = env.bool("RATE_LIMITS", default=True)
RATE_LIMITS: dict[str, str | None] = {
    scope: env.str(f"RATE_LIMIT_{scope.upper()}", default=rate) if _limited else None
    for scope, rate in (_demo_rates if DEMO else _rates).items()
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.accounts.authentication.DeviceTokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.Utf8JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.negotiation.Negotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["config.api.throttling.Throttle"],
    "EXCEPTION_HANDLER": "config.api.problems.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Esteira",
    "DESCRIPTION": (
        "Cart, shipping, payment and order for mobile apps.\n\n"
        "Money is a string with two decimals; the document has one currency. Times are RFC 3339 in UTC. "
        "Errors are RFC 9457 problem documents: switch on `code`, show `detail`, which follows `Accept-Language` "
        "(pt-BR, en).\n\nAnyone who has the `id` of a guest's cart can use it; a guest's order needs its token in "
        "`Order-Token`. Signed-in apps send `Authorization: Token …`."
    ),
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "CartStatus": "cart.models.CartStatus",
        "OrderStatus": "checkout.models.OrderStatus",
        "ShipmentStatus": "checkout.models.ShipmentStatus",
        "PaymentStatus": "checkout.api.PaymentProgress",
        "PaymentMethod": "payments.models.PaymentMethod",
    },
    "PATH_CONVERTER_OVERRIDES": {
        "cart_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "order_number": {"type": "string", "pattern": "^[0-9A-Za-z]{10}$"},
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.schema.document_protocol",
    ],
    "TAGS": [
        {"name": "products", "description": "What the shop sells."},
        {"name": "carts", "description": "Cart lines, delivery address and shipping."},
        {"name": "checkout", "description": "Turns a cart into an order and pays for it."},
        {"name": "orders", "description": "Orders and the state of their payments."},
        {"name": "accounts", "description": "Signing up and signing in."},
    ],
}
