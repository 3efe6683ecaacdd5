"""Faults, and the balance afterwards. `make faults` runs the full form and prints a table."""

import os

# The full form takes minutes; `make test` runs the short one.
FULL = os.environ.get("FAULTS") == "full"
