"""The shop: its name and its limits."""

SHOP_NAME = "Esteira"
DEFAULT_CURRENCY = "BRL"
CART_CACHE_SECONDS = 60 * 60
CART_LIFETIME_DAYS = 30
CATALOGUE_CACHE_SECONDS = 60 * 60
MAX_LINE_QUANTITY = 99
MAX_CART_LINES = 100
# Payments expire before their stock holds, so that no payment arrives for stock that has been released.
PAYMENT_MINUTES = 30
STOCK_HOLD_MINUTES = 35
CHECKOUT_LOCK_SECONDS = 10
