"""How many statements each page and call may send to PostgreSQL: the one table. Sessions, users and rate limits count.

BEGIN, COMMIT and savepoints are not counted. The numbers are exact: a saved statement changes them too. Each
holds for 1 line and for 50. "Warm" is a second request within the hour; "cold" is an empty Redis.
"""

BUDGETS: dict[str, int] = {
    # --- Pages that a guest reads ---
    "catalogue, warm": 0,
    "catalogue, cold": 4,
    "product, warm": 0,
    "product, cold": 3,
    "cart, warm": 0,
    "cart, cold": 6,
    "badge, warm": 0,
    "checkout, warm": 0,
    # An order's page is never cached: order with payment and quote, attempts, lines.
    "order": 3,
    # --- The same, signed in: the session and the user come from the cache ---
    "catalogue, signed in, warm": 0,
    "product, signed in, warm": 0,
    "cart, signed in, warm": 0,
    "checkout, signed in, warm": 0,
    # --- Writes ---
    "add to cart": 5,
    "add to cart with freight chosen": 6,
    "lines in one call": 5,
    # A guest's cart with lines, delivery and shipping: stock, quote, cart, lines.
    "cart in one call": 4,
    # `place_order` itself, by card: 7 before the provider call, 6 after.
    "place order": 13,
    # The whole request, with the three statements of its idempotency key.
    "pay": 16,
}
