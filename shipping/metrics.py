"""What is measured of shipping: what carriers say when they are asked for a price."""

from prometheus_client import Counter

carrier_questions = Counter("carrier_questions_total", "Parcels priced by a carrier, by result.", ["carrier", "result"])
