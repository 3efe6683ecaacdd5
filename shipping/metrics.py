"""Shipping metrics: results of carrier rate requests."""

from prometheus_client import Counter

carrier_questions = Counter("carrier_questions_total", "Parcels priced by a carrier, by result.", ["carrier", "result"])
