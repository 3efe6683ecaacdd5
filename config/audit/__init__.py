"""The permanent log of staff actions: `services.record` writes, the admin reads, the database refuses changes."""
