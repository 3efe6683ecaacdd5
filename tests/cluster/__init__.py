"""The shop on several servers: `make cluster` runs the whole of it, `make test` the parts that have a test here."""
