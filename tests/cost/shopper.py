"""A guest with an app, the provider's webhooks, and the worker: all in this process, through the shop's WSGI entry."""

import io
import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings

from checkout.tasks import relay_outbox, settle_webhook_events
from payments.sandbox.webhooks import sign
from tests.support.stand_in import call_control

CARD = "pm_card_visa"


class Shopper:
    """`goods` is what `tests.load.goods` has written."""

    def __init__(self, application: Callable[..., Any], goods: dict[str, Any]) -> None:
        # What is viewed is never sold, so its availability stays cached; what is sold was sold before.
        viewed, sold = goods["products"][0], goods["products"][1:3]
        self._application, self._viewed, self._sold = application, viewed["sku"], itertools.cycle(sold)
        self._browsing = goods["carts"]["browsing"][0]
        self._places = itertools.count(1310200)
        self._known_events, self._new_events = 0, list[dict[str, Any]]()

    def catalogue(self) -> dict[str, Any]:
        return self._call("GET", "products/")

    def product(self) -> dict[str, Any]:
        return self._call("GET", f"products/{self._viewed}/")

    def cart(self) -> dict[str, Any]:
        return self._call("GET", f"carts/{self._browsing}/")

    def buy(self) -> None:
        """As tests/load/k6/shop.js does it: eight calls, and a CEP that the carrier was not asked about yet."""
        cart = f"carts/{self._call('POST', 'carts/', {})['id']}/"
        self._call("POST", f"{cart}lines/", {"sku": next(self._sold)["sku"], "quantity": 1})
        self._call("GET", cart)
        self._call("PUT", f"{cart}delivery/", self._delivery())
        options = self._call("GET", f"{cart}shipping-options/")["options"]
        self._choose_and_pay(cart, options)

    def buy_in_few_calls(self) -> None:
        """The same with a cart that is made whole: four calls."""
        wish = {"lines": [{"sku": next(self._sold)["sku"], "quantity": 1}], "delivery": self._delivery()}
        made = self._call("POST", "carts/", wish)
        self._choose_and_pay(f"carts/{made['id']}/", made["shipping_options"]["options"])

    def _choose_and_pay(self, cart: str, options: list[dict[str, Any]]) -> None:
        total = self._call("PUT", f"{cart}shipping/", {"code": options[0]["code"]})["total"]
        wish = {"payment_method": CARD, "expected_total": total}
        order = self._call("POST", f"{cart}checkout/", wish, HTTP_IDEMPOTENCY_KEY=uuid.uuid4().hex)
        self._call("GET", f"orders/{order['number']}/", HTTP_ORDER_TOKEN=order["token"])

    def learn_of_events(self) -> None:
        """What the provider has to say since the last time."""
        events = call_control(settings.STRIPE_API_BASE, "GET", "events")["events"]
        self._new_events, self._known_events = events[self._known_events :], len(events)

    def after_the_sale(self) -> None:
        """The provider's webhooks arrive, and the worker does what is due."""
        for event in self._new_events:
            body = json.dumps({name: value for name, value in event.items() if name not in ("tries", "delivered")})
            signature = sign(body, settings.STRIPE_WEBHOOK_SECRET)
            self._send("POST", "/webhooks/stripe/", body.encode(), HTTP_STRIPE_SIGNATURE=signature)
        settle_webhook_events()
        relay_outbox()

    def _delivery(self) -> dict[str, Any]:
        address = {
            "name": "Ana Souza", "street": "Rua das Flores", "number": "100", "district": "Centro", "city": "São Paulo",
            "state": "SP", "postal_code": f"{next(self._places):08}", "country": "BR",
        }  # fmt: skip
        return {"email": "ana@example.com", "phone": "11987654321", "address": address}

    def _call(self, method: str, path: str, document: Any = None, **headers: str) -> dict[str, Any]:
        body = b"" if document is None else json.dumps(document).encode()
        answer: dict[str, Any] = json.loads(self._send(method, f"/api/v1/{path}", body, **headers))
        return answer

    def _send(self, method: str, path: str, body: bytes, **headers: str) -> bytes:
        """One request as a web server hands it over. Anything but success is an error."""
        answered: list[str] = []

        def start_response(status: str, _headers: list[tuple[str, str]], _error: object = None) -> None:
            answered.append(status)

        environ = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
            **headers,
        }  # fmt: skip
        answer = self._application(environ, start_response)
        content = b"".join(answer)
        answer.close()
        if answered[0][:2] != "20":
            raise SystemExit(f"{method} {path}: {answered[0]} {content[:500]!r}")
        return content
