"""The image as it is deployed: `make image` builds it, runs it, and buys in it. Minutes, so not in `make test`."""
