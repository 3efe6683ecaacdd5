"""Finds free TCP ports on the loopback interface."""

import os
import secrets
import socket

from config.devstack.exceptions import CannotStart

HOST = "127.0.0.1"
# Below the ephemeral range of Linux and macOS, so that no outgoing connection takes one of ours.
_CANDIDATES = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now. Connections in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def choose() -> int:
    """A free port. It is not reserved: call again if something else takes it first."""
    while True:
        port = secrets.choice(_CANDIDATES)
        if is_free(port):
            return port


def chosen(variable: str, default: int) -> int:
    """The port in the environment, else `default`. Raises CannotStart if it is not a valid port."""
    text = os.environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CannotStart(f"{variable} must be a number from 1 to 65535, not {text!r}.")
    return int(text)
