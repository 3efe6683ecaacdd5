"""The real Prometheus and Alertmanager watch a real shop. `make alerts` switches every alert's fault on and off."""

import os

# The full form takes minutes; `make test` runs the short one.
FULL = os.environ.get("ALERTS") == "full"
