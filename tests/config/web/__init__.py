"""The web process and its clients."""
