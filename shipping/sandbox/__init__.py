"""A stand-in for Melhor Envio that runs as a server of its own: `python -m shipping.sandbox --help`.

It prices parcels over the carrier's real contract, so that the code that goes live runs in the demo and in the tests,
and it can fail on demand, by the same switches as the stand-in provider of payments. Standard library only; it knows
nothing of Django or of the shop.
"""
