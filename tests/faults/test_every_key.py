"""After a busy minute no key in Redis holds a pickle, and each value parses: cache, sessions, locks, limits, breakers,
and the broker's queue. And a pickle in the queue is refused unread."""

import http.cookiejar
import json
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
import redis

from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.orders import eventually
from tests.support.pickles import bomb, is_pickle
from tests.support.sandbox import Sandbox
from tests.support.shop import Shop, running
from tests.support.traffic import buy

pytestmark = pytest.mark.django_db(transaction=True)

# What is not JSON: tokens of leases and locks, marks of changes (a number, and since when they may write), states of
# breakers, and in the broker, kombu's bindings (exchange, key, queue), names of queues and tags of deliveries.
TEXTS = [
    re.compile(rb"[0-9a-f]{32}"),
    re.compile(rb"\d+ \d{13}"),
    re.compile(rb"closed|open|half-open"),
    re.compile(rb"[\w.:@#*-]*(\x06\x16[\w.:@#*-]*){2}"),
    re.compile(rb"[\w.:@-]+"),
]


class Browser:
    def __init__(self, url: str) -> None:
        self._url, self._cookies = url, http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> str:
        with self._opener.open(self._url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: str) -> str:
        """Submit the form on the page at `path`, redirects followed."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path))
        assert token, f"There is no form at {path}."
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token[1]}).encode()
        with self._opener.open(self._url + path, data, timeout=30) as answer:
            return str(answer.read().decode())


def values(server: "redis.Redis[bytes]", key: bytes) -> list[bytes]:
    """Everything that a key holds."""
    match server.type(key):
        case b"string":
            return [server.get(key) or b""]
        case b"hash":
            return server.hvals(key)
        case b"list":
            return server.lrange(key, 0, -1)
        case b"set":
            return list(server.smembers(key))
        case b"zset":
            return server.zrange(key, 0, -1)
    return []


def everything(shop: Shop) -> Iterator[tuple[bytes, bytes]]:
    for number in (0, 1):
        url = urllib.parse.urlsplit(shop.broker_url)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url) as server:
            for key in server.keys("*"):
                yield from ((key, value) for value in values(server, key))


def parses(value: bytes) -> bool:
    if any(text.fullmatch(value) for text in TEXTS):
        return True
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def be_busy(shop: Shop, sku: str, slug: str, staff: str) -> None:
    """Browse, buy by API, sign in as a shopper and as staff, look around in the admin, guess a password."""
    for number in range(2):
        visitor = Browser(shop.url)
        for path in ("/", "/?search=caneca", f"/products/{slug}/", "/cart/"):
            visitor.get(path)
        assert buy(shop.url, sku)[-1].status == 201, number
    shopper = UserFactory()
    member, boss = Browser(shop.url), Browser(shop.url)
    member.post("/account/sign-in/", email=shopper.email, password=PASSWORD)
    assert "/account/sign-out/" in member.get("/orders/")
    boss.post("/admin/login/?next=/admin/", username=staff, password=PASSWORD)
    for path in ("/admin/", "/admin/cache/", "/admin/breakers/", "/admin/checkout/order/"):
        assert "/admin/logout/" in boss.get(path)
    refused = Browser(shop.url).post("/account/sign-in/", email=shopper.email, password="guessed")
    assert "/account/sign-out/" not in refused


def test_no_key_holds_a_pickle(tmp_path: Path, sandbox: Sandbox, mails: MailSink) -> None:
    flat_shipping()
    product = ProductFactory(stock=50, name="Caneca")
    staff = UserFactory(is_staff=True, is_superuser=True)
    with running(tmp_path, sandbox, mails, RATE_LIMITS="on") as shop:
        worker = shop.start_worker()
        shop.start_beat()
        be_busy(shop, product.sku, product.slug, staff.email)
        eventually(lambda: len(mails.by_order()) == 2, 60)
        _queue_a_pickle(shop, tmp_path / "unpickled")
        seen = list(everything(shop))
        be_busy(shop, product.sku, product.slug, staff.email)
        eventually(lambda: len(mails.by_order()) == 4, 60)
        seen += everything(shop)
        assert worker.poll() is None, "the worker has survived the pickle"
    assert not (tmp_path / "unpickled").exists()
    kinds = {re.sub(rb".*?:1:|\W.*", b"", key) for key, _value in seen}
    assert kinds >= {b"product", b"catalogue_page", b"cart", b"django", b"rate", b"account"}, kinds
    ours = [(key, value) for key, value in seen if b"application/x-python-serialize" not in value]
    assert [key for key, value in ours if is_pickle(value)] == []
    assert [(key, value) for key, value in ours if not parses(value)] == []
    for key, value in ours:
        message: Any = json.loads(value) if key == b"celery" else None
        assert message is None or message["content-type"] == "application/json"


def _queue_a_pickle(shop: Shop, folder: Path) -> None:
    """As whoever can write to the broker would, in the name of a task that exists."""
    kombu.enable_insecure_serializers(["pickle"])
    with kombu.Connection(shop.broker_url) as broker, broker.SimpleQueue("celery") as queue:
        headers = {"lang": "py", "task": "checkout.tasks.sweep", "id": "evil", "origin": socket.gethostname()}
        queue.put(
            bomb(folder), headers=headers, content_type="application/x-python-serialize", content_encoding="binary"
        )
