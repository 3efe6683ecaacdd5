"""Traces of a running shop sent to a collector; an unavailable collector slows nothing down."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from config.devstack import ports
from inventory.models import Product
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.orders import eventually
from tests.support.sandbox import Sandbox
from tests.support.shop import Shop
from tests.support.traffic import ADDRESS, buy

pytestmark = pytest.mark.django_db(transaction=True)

# Far below the exporter's timeout of ten seconds.
LONGEST_SECONDS = 5.0


class Collector(http.server.ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.spans: list[Span] = []

    def named(self, name: str) -> list[Span]:
        return [span for span in list(self.spans) if span.name == name]


class _Take(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in request.resource_spans:
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def product() -> Product:
    flat_shipping()
    return ProductFactory(stock=50)


@contextmanager
def traced_shop(folder: Path, sandbox: Sandbox, endpoint: str) -> Iterator[Shop]:
    mails = MailSink()
    mails.start()
    shop = Shop(folder, sandbox, mails, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="200")
    try:
        shop.open()
        yield shop
    finally:
        shop.stop()
        mails.stop()


def test_an_order_is_traced_from_the_request_to_the_mail(
    tmp_path: Path, sandbox: Sandbox, product: Product, collector: Collector
) -> None:
    with traced_shop(tmp_path, sandbox, f"http://127.0.0.1:{collector.server_port}") as shop:
        shop.start_worker()
        answers = buy(shop.url, product.sku)
        assert answers[-1].status == 201
        eventually(lambda: bool(collector.named("checkout.tasks.relay_outbox")), 40)
        eventually(lambda: len(collector.named("POST api:checkout")) == 1, 20)

    (checkout,) = collector.named("POST api:checkout")
    family = [span for span in collector.spans if span.trace_id == checkout.trace_id]
    children = [span.name for span in family if span.parent_span_id == checkout.span_id]
    assert {"SELECT", "INSERT", "UPDATE", "stripe"} <= set(children)
    assert "checkout.tasks.relay_outbox" in children
    task = next(span for span in family if span.name == "checkout.tasks.relay_outbox")
    assert "UPDATE" in [span.name for span in family if span.parent_span_id == task.span_id]

    exported = "".join(str(span) for span in collector.spans)
    for secret in ("ana@example.com", ADDRESS["street"], answers[0].document["id"], "pm_card"):
        assert secret not in exported


def test_a_collector_that_is_down_or_hangs_slows_nothing_down(
    tmp_path: Path, sandbox: Sandbox, product: Product
) -> None:
    port = ports.choose()
    with traced_shop(tmp_path, sandbox, f"http://127.0.0.1:{port}") as shop:
        buy(shop.url, product.sku)  # warm-up: first calls in a process take longer
        refused = [answer for _ in range(3) for answer in buy(shop.url, product.sku)]
        with socket.create_server(("127.0.0.1", port)):  # accepts connections and never answers
            ignored = [answer for _ in range(3) for answer in buy(shop.url, product.sku)]
    for answers in (refused, ignored):
        assert {answer.status for answer in answers} <= {200, 201}
        assert max(answer.seconds for answer in answers) < LONGEST_SECONDS
