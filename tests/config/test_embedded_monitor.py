"""`make monitor` as a person meets it: it watches a shop, its pager speaks, it stops, and says what is in its way."""

import http.server
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from config.embedded import environment, leases, ports
from config.embedded.data import PROJECT
from tests.config.test_embedded_demo import surroundings
from tests.prometheus import missing

TOKEN = "a-token-for-prometheus"
OVERSOLD = b"# TYPE stock_oversold_rows gauge\nstock_oversold_rows 1\n"


@contextmanager
def oversold_shop():
    """A shop's /metrics that tells of one thing that must not be; it answers whoever has the token."""

    class Tell(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            knows = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path == "/metrics"
            self.send_response(200 if knows else 404)
            self.end_headers()
            self.wfile.write(OVERSOLD if knows else b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tell) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def start(data, **variables):
    return subprocess.Popen(
        [sys.executable, "-m", "config.embedded", "monitor"],
        cwd=PROJECT, env={**surroundings(data, 8000), **variables},
        stdout=(data.root / "output").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def test_it_tells_what_a_demo_of_this_folder_suffers_from_and_ends_with_ctrl_c(data):
    assert not missing(), "`make test` installs Prometheus and Alertmanager."
    chosen = {f"{name}_PORT": str(ports.choose()) for name in ("PROMETHEUS", "ALERTMANAGER", "PAGER")}
    lease = leases.take(data.root, "demo")
    try:
        with oversold_shop() as port:
            environment.write_servers_env(
                data,
                {
                    "SITE_URL": f"http://127.0.0.1:{port}",
                    "METRICS_TOKEN": TOKEN,
                    "STRIPE_API_BASE": "http://127.0.0.1:9",
                },
            )
            process = start(data, **chosen)
            output = data.root / "output"
            deadline = time.monotonic() + 100
            while "FIRING   StockOversold (to the pager)" not in output.read_text():
                assert process.poll() is None, output.read_text()
                assert time.monotonic() < deadline, output.read_text()
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in {0, -signal.SIGINT, 128 + signal.SIGINT}
    finally:
        lease.release()
    names = [path.stem for path in (data.root / "monitor" / "run").glob("*.lease")]
    assert set(names) == {"prometheus", "alertmanager", "pager"}
    assert all(leases.holder(data.root / "monitor" / "run", name) is None for name in names)
    assert all(ports.is_free(int(port)) for port in chosen.values())


def test_without_a_demo_it_says_what_to_do(data):
    process = start(data)
    assert process.wait(30) == 1
    assert "Open one first, in another window: make demo" in (data.root / "output").read_text()
