"""The checkout that the shop had before, as the plan describes it, in the style in which such checkouts are written.

It is no straw man. It answers the same calls with the same facts, on the same tables, indexes and web server, and each
of its habits is one that a reader has met: it reads per item what one join could read, asks the carrier anew whenever a
price is needed, and does all that an order needs, one thing after the other, while the shopper waits. It keeps its
database connections, and calls the provider once per order, as a good shop does. What it lacks is what the plan says
was lacking: a cache, locks, deadlines and breakers, and a worker for the mail.
"""
