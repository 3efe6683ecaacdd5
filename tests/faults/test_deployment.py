"""During a deployment, and after a rollback, two releases serve the same shoppers on the new schema.

Both are real processes on one database, one Redis and one broker. A shopper's requests alternate between them, as
behind a load balancer, so each has to understand what the other writes and caches.
"""

import itertools
import uuid
from pathlib import Path

import pytest

from checkout.models import Order
from checkout.services import refund_order
from checkout.shipments import ParcelToPost, post_parcel
from inventory.models import Product
from tests.faults import previous_release
from tests.support.books import Books
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.orders import VISA, eventually
from tests.support.sandbox import Sandbox
from tests.support.shop import running
from tests.support.simulated_time import two_minutes
from tests.support.traffic import ADDRESS, call

pytestmark = pytest.mark.django_db(transaction=True)


def buy_over(servers: list[str], product: Product) -> str:
    """Buy with each request sent to the next of `servers`, then read the order's page from each; returns its number."""
    turns = itertools.cycle(servers)

    def ask(method: str, path: str, document: dict | None = None, **headers: str) -> dict:
        answer = call(method, f"{next(turns)}/api/v1/{path}", document, **headers)
        assert answer.status in {200, 201}, answer
        return answer.document

    for search, _server in zip(["", product.sku], servers, strict=False):
        # Each caches a page of its own, under the catalogue version that the first one started.
        assert ask("GET", f"products/?search={search}")["count"] == 1
    for _server in servers:
        assert ask("GET", f"products/{product.sku}/")["available"]
    cart = f"carts/{ask('POST', 'carts/', {})['id']}/"
    ask("POST", f"{cart}lines/", {"sku": product.sku, "quantity": 1})
    ask("PATCH", f"{cart}lines/{product.sku}/", {"quantity": 2})
    ask("PUT", f"{cart}delivery/", {"email": "ana@example.com", "phone": "11987654321", "address": ADDRESS})
    ask("GET", f"{cart}shipping-options/")
    total = ask("PUT", f"{cart}shipping/", {"code": "flat"})["total"]
    assert ask("GET", cart)["total"] == total
    wish = {"payment_method": VISA, "expected_total": total}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    order = ask("POST", f"{cart}checkout/", wish, **key)
    for _server in servers:
        assert ask("POST", f"{cart}checkout/", wish, **key) == order
        assert ask("GET", f"orders/{order['number']}/", **{"Order-Token": order["token"]})["status"] == "paid"
    return str(order["number"])


def test_the_previous_release_serves_beside_this_one(
    tmp_path: Path, sandbox: Sandbox, mails: MailSink, books: Books
) -> None:
    flat_shipping()
    product = ProductFactory(stock=10)
    books.open()
    (tmp_path / "release").mkdir()
    release = previous_release.export(tmp_path / "release")
    with running(tmp_path, sandbox, mails) as shop:
        new, old = shop.url, shop.open_beside(release)
        numbers = {buy_over([old, new], product), buy_over([new, old], product), buy_over([old], product)}
        shop.start_worker(release)
        numbers.add(buy_over([new], product))
        # Nothing nudges the old worker about the first three: its beat or the next order has to.
        eventually(lambda: set(mails.by_order()) == numbers, 30)
        parted = Order.objects.get(number=min(numbers))
        numbers.remove(parted.number)
        post_parcel(parted, ParcelToPost(units={parted.lines.get().pk: 1}))
        for server in (new, old):
            with_token = {"Order-Token": parted.token}
            answer = call("GET", f"{server}/api/v1/orders/{parted.number}/", **with_token)
            # The release before parcels takes it for shipped.
            assert answer.document["status"] in ({"partly_shipped"} if server == new else {"partly_shipped", "shipped"})
    order = Order.objects.get(number=numbers.pop())
    refund_order(order, amount=order.total, reason="damaged", restock=True, idempotency_key="once")
    two_minutes()
    books.check("a deployment under way", len(numbers) + 2)
