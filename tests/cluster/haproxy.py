"""Debian's HAProxy, with the configuration that operators get."""

import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Sequence

from config.devstack import ports
from config.devstack.data import DataFolder
from config.devstack.server import EmbeddedServer
from tests.cluster.configuration import GIVEN


class HAProxy(EmbeddedServer):
    """HAProxy in front of two web servers on `web_ports`."""

    name = "haproxy"
    stop_signal = signal.SIGTERM

    def __init__(self, data: DataFolder, web_ports: Sequence[int], port: int | None = None) -> None:
        super().__init__(data)
        data.create()
        self._web_ports = web_ports
        self._port = port or data.free_port(self.name)

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    def prepare(self) -> None:
        """Nothing to do: the configuration file is the operators'."""

    def command(self) -> list[str]:
        first, second = self._web_ports
        addresses = {"SHOP": self.port, "WEB_1": first, "WEB_2": second}
        variables = [f"{name}={ports.HOST}:{port}" for name, port in addresses.items()]
        return [
            "env",
            *variables,
            shutil.which("haproxy") or "/usr/sbin/haproxy",
            "-W",
            "-f",
            str(GIVEN / "haproxy.cfg"),
        ]

    def answers(self) -> bool:
        """Whether it accepts connections, even if no web server is up."""
        try:
            urllib.request.urlopen(f"{self.url}/health/live", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True
