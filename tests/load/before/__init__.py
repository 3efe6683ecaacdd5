"""The old checkout, as the plan describes it, in the usual style of such checkouts.

It is no straw man. It serves the same API with the same data, on the same tables, indexes and web server, and each of
its weaknesses is common: it queries per item instead of joining, calls the carrier whenever a price is needed, and does
everything for an order sequentially while the shopper waits. It keeps its database connections and calls the provider
once per order, as a good shop does. It lacks what the plan says was lacking: a cache, locks, timeouts and breakers, and
a worker for the mail.
"""
