"""Real Prometheus and Alertmanager on a real shop. `make alerts` triggers every alert by its fault, then clears it."""

import os

# The full form takes minutes; `make test` runs the short one.
FULL = os.environ.get("ALERTS") == "full"
