"""The shop on several servers: `make cluster` runs the full drill, `make test` the tests in this folder."""
