"""How often a warm call goes to Redis: what one part of it has read, the next does not read again."""

from collections.abc import Callable
from typing import Any

import pytest
from redis.connection import AbstractConnection

from tests.cart.test_api import DELIVERY
from tests.support.api import App
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory

pytestmark = pytest.mark.django_db(transaction=True)

LINE, FLAT = {"sku": "MUG", "quantity": 1}, {"code": "flat"}

# Of a cart: reading or writing its copy. Of goods: facts and available units together. Of freight: ranges, bands.
TRIPS = {
    "read a product": 1,
    "start a cart": 1,
    "add a line": 2,
    "choose shipping": 4,
    "start a cart with everything": 4,
}


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Each command or script that is sent, without those of rate limits."""
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def counting(connection: AbstractConnection, *given: Any, **more: Any) -> None:
        sent.append(given)
        send(connection, *given, **more)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counting)
    return sent


@pytest.mark.parametrize("name", TRIPS)
def test_trips_of_a_warm_call(name: str, trips: list[object], settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS)
    flat_shipping()
    ProductFactory(sku="MUG", stock=9)
    app = App()
    path = f"carts/{app.post('carts/', {'lines': [LINE], 'delivery': DELIVERY}).json()['id']}/"
    empty = f"carts/{app.post('carts/').json()['id']}/"
    calls: dict[str, Callable[[], Any]] = {
        "read a product": lambda: app.get("products/MUG/"),
        "start a cart": lambda: app.post("carts/"),
        "add a line": lambda: app.post(f"{empty}lines/", LINE),
        "choose shipping": lambda: app.put(f"{path}shipping/", FLAT),
        "start a cart with everything": lambda: app.post(
            "carts/", {"lines": [LINE], "delivery": DELIVERY, "shipping": FLAT}
        ),
    }
    calls[name]()
    trips.clear()
    assert calls[name]().status_code in (200, 201)
    assert len(trips) == TRIPS[name], trips
