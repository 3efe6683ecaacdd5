"""A stand-in for Stripe that runs as a server of its own: `python -m payments.sandbox --help`.

It speaks the part of Stripe's HTTP API that the shop calls, so that the code that goes live runs in the demo and in the
tests, and it can fail on demand. Standard library only; it knows nothing of Django or of the shop.
"""
