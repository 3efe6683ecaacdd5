"""Debian's nginx, with the configuration that operators get."""

import os
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path

from config.devstack import ports
from config.devstack.data import DataFolder
from config.devstack.server import EmbeddedServer
from tests.cluster.configuration import front

NOBODY = "255.255.255.255"


class Nginx(EmbeddedServer):
    """The front of a shop on the port `shop`, behind the load balancer `balancer`, if any."""

    name = "nginx"
    stop_signal = signal.SIGTERM

    def __init__(self, data: DataFolder, shop: int, port: int | None = None, balancer: str = NOBODY) -> None:
        super().__init__(data)
        data.create()
        self._shop, self._balancer = shop, balancer
        self._port = port or data.free_port(self.name)

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    @property
    def _file(self) -> Path:
        return self.data.root / "nginx.conf"

    def prepare(self) -> None:
        self._file.write_text(
            front(
                LISTEN=f"{ports.HOST}:{self.port}", SHOP=f"{ports.HOST}:{self._shop}", FOLDER=self.data.root,
                BALANCER=self._balancer,
            )
        )  # fmt: skip

    def command(self) -> list[str]:
        # Its folder is root's alone, if we are root.
        user = " user root;" if os.geteuid() == 0 else ""
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        return [program, "-e", "stderr", "-c", str(self._file), "-g", f"daemon off;{user}"]

    def answers(self) -> bool:
        """Whether it accepts connections, even if no shop is up."""
        try:
            urllib.request.urlopen(f"{self.url}/metrics", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True
