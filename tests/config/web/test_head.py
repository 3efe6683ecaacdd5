"""HEAD is answered like GET, and with no body: gunicorn warns of each that has one."""

import http.client
from pathlib import Path

import pytest

from checkout.models import Order
from tests.support.factories.cart import flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox
from tests.support.web import TOKEN, Web, running

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = [
    "/", "/?search=mug", "/help/", "/cart/", "/checkout/", "/orders/", "/orders/find/", "/products/mug/", "/nowhere/",
    "/account/sign-in/", "/account/sign-up/", "/account/password/", "/account/sign-out/", "/admin/", "/admin/login/",
    "/cart", "/?q=%00", "/static/esteira/esteira.css", "/static/nothing.css", "/mail/",
    "/health/live", "/health/ready", "/health/full", "/metrics", "/webhooks/stripe/",
    "/api/v1/products/", "/api/v1/products/MUG/", "/api/v1/carts/", "/api/v1/carts/nothing/", "/api/v1/orders/",
    "/api/v1/docs/", "/api/v1/schema/", "/api/nowhere/", "/api/v1/products",
]  # fmt: skip


def ask(web: Web, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, and every byte until the server closes."""
    client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    client.request(method, path, headers={**headers, "Connection": "close"})
    assert client.sock
    if method == "HEAD":
        sock, raw = client.sock, b""
        while piece := sock.recv(65536):
            raw += piece
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body
    answer = client.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def test_no_answer_to_head_has_a_body(tmp_path: Path, sandbox: Sandbox) -> None:
    flat_shipping()
    product = ProductFactory(sku="MUG", slug="mug", stock=9)
    order = order_of(ready_cart([product]))
    assert isinstance(order, Order)
    paths = [*PAGES, f"/orders/{order.number}/?token={order.token}", f"/api/v1/orders/{order.number}/"]
    headers = {"Authorization": f"Bearer {TOKEN}", "Order-Token": order.token}
    with running(tmp_path, sandbox, STATIC_FROM_APPS="1") as web:
        statuses = set()
        for path in paths:
            shown = {} if path.startswith("/api/") and "orders" not in path else headers
            got, head = ask(web, "GET", path, shown), ask(web, "HEAD", path, shown)
            assert head[2] == b"", path
            statuses.add(head[0])
            # An address that takes no GET takes no HEAD either; the rest of the head is GET's.
            assert head[0] == got[0], path
            assert head[1].get("content-type") == got[1].get("content-type"), path
        log = web.log
    assert {200, 302, 404, 405} <= statuses
    assert "no-body response" not in log
