"""Does anything grow that should not? `make soak` loads a demo of its own, and measures it minute by minute."""
