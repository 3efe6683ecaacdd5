"""What breaks, and what must be true afterwards. `make faults` runs it in full and prints a table."""

import os

# The full form takes minutes; `make test` runs the short one.
FULL = os.environ.get("FAULTS") == "full"
