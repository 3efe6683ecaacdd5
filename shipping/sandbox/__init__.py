"""A Melhor Envio sandbox that runs as its own server: `python -m shipping.sandbox --help`.

It prices parcels through the carrier's real API, so that the demo and the tests run the production code, and it can
fail on demand, with the same controls as the payments sandbox. Standard library only; independent of Django and the
shop.
"""
