"""The webhook inbox, read: what the provider told by itself is settled here, whenever it came and however often."""
