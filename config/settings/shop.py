"""The shop: its name and its limits."""

from config.settings.base import env

SHOP_NAME = "Esteira"
# Who sells: on every page, in mails and receipts, and in the texts on privacy, sale and exchange. The CNPJ (or CPF) as
# it is to be shown: 11.222.333/0001-81. `check --deploy` names what is missing.
SELLER_NAME = env.str("SELLER_NAME", default="")
SELLER_TAX_ID = env.str("SELLER_TAX_ID", default="")
SELLER_ADDRESS = env.str("SELLER_ADDRESS", default="")
SELLER_EMAIL = env.str("SELLER_EMAIL", default="")
SELLER_PHONE = env.str("SELLER_PHONE", default="")
# Who gets a mail about each paid order, separated by commas: nobody by default.
NEW_ORDER_MAILS = env.list("NEW_ORDER_MAILS", default=[])
# Whether the recipient's CPF or CNPJ, which labels and invoices need, is `required`, `optional` or `off` (not asked).
TAX_ID = env.str("TAX_ID", default="optional")
DEFAULT_CURRENCY = "BRL"
CART_CACHE_SECONDS = 60 * 60
CART_LIFETIME_DAYS = 30
CATALOGUE_CACHE_SECONDS = 60 * 60
MAX_LINE_QUANTITY = 99
MAX_CART_LINES = 100
# How long an order may wait for its shopper to pay, by Pix or 3-D Secure: less for guests, for accounts that have never
# paid for an order, and for cards. Payments expire before their stock holds, so that no payment arrives for stock that
# has been released.
PAYMENT_MINUTES = env.int("PAYMENT_MINUTES", default=30)
FIRST_PAYMENT_MINUTES = env.int("FIRST_PAYMENT_MINUTES", default=15)
STOCK_HOLD_MARGIN_MINUTES = 5
STOCK_HOLD_MINUTES = PAYMENT_MINUTES + STOCK_HOLD_MARGIN_MINUTES
# What orders may hold while they wait: this share of what is on hand of a product, and always so many units. That is an
# ordinary order, so that the last piece can be bought with Pix as well.
UNPAID_STOCK_SHARE = env.float("UNPAID_STOCK_SHARE", default=0.3)
UNPAID_STOCK_UNITS = env.int("UNPAID_STOCK_UNITS", default=2)
# And so many orders and units from one network (an IPv4 address, or the /64 of an IPv6 address) by those who have never
# paid. Many phones may share one address; an account that has paid is limited to one such order at a time anyway.
UNPAID_ORDERS_PER_NETWORK = env.int("UNPAID_ORDERS_PER_NETWORK", default=20)
UNPAID_UNITS_PER_NETWORK = env.int("UNPAID_UNITS_PER_NETWORK", default=200)
CHECKOUT_LOCK_SECONDS = 10
# After so many declined cards within so many hours, a cart, or a person (an account, else an e-mail), cannot be paid by
# card: whoever tries stolen cards must not find out here which of them work. Pix stays open.
CARD_DECLINES_PER_CART = env.int("CARD_DECLINES_PER_CART", default=5)
CARD_DECLINES_PER_PERSON = env.int("CARD_DECLINES_PER_PERSON", default=10)
CARD_DECLINES_HOURS = env.int("CARD_DECLINES_HOURS", default=24)
