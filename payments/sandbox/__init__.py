"""A Stripe sandbox that runs as its own server: `python -m payments.sandbox --help`.

It implements the part of Stripe's HTTP API that the shop calls, so that the demo and the tests run the production code,
and it can fail on demand. Standard library only; independent of Django and the shop.
"""
