"""The purchase in docs/api.md works as it is written there, and the page names every code that an app meets on it."""

import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from string import Template
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from tests.architecture.test_locks_and_network import REPOSITORY
from tests.support.carrier import StandInCarrier
from tests.support.factories.inventory import ProductFactory

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (REPOSITORY / "docs" / "api.md").read_text()
# A command of the page: from `curl` to the end of its indented block.
COMMAND = re.compile(r"^ +(curl .*?)\n\n", re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    for text in COMMAND.findall(PAGE):
        yield shlex.split(text.replace("\\\n", ""))


def send(words: list[str], known: dict[str, str]) -> HttpResponse:
    """Sends what the command would, with what earlier answers have told."""
    known = {"API": "/api/v1", **known}
    words = [Template(word.replace("$(uuidgen)", "key-1")).substitute(known) for word in words]
    options: dict[str, list[str]] = {"-X": ["GET"], "-H": [], "-d": [""]}
    path = ""
    for word in (rest := iter(words[1:])):
        if word in ("-X", "-d"):
            options[word] = [next(rest)]
        elif word == "-H":
            options[word].append(next(rest))
        else:
            path = word
    headers = dict(header.split(": ", 1) for header in options["-H"])
    return Client(headers=headers).generic(options["-X"][0], path, options["-d"][0], "application/json")


@pytest.mark.usefixtures("sandbox")
def test_the_purchase(carrier: StandInCarrier) -> None:
    ProductFactory(sku="CANECA-AGATA-AZUL", price=Decimal("54.90"), stock=5)
    start, choose, pay, read = commands()
    cart: dict[str, Any] = send(start, {}).json()
    assert "melhor-envio-1" in [option["code"] for option in cart["shipping_options"]["options"]]
    known = {"CART": cart["id"]}
    known["TOTAL"] = send(choose, known).json()["total"]
    placed = send(pay, known)
    assert placed.status_code == 201, placed.content
    known |= {"NUMBER": placed.json()["number"], "TOKEN": placed.json()["token"]}
    assert send(read, known).json() == placed.json()
    assert carrier.calls == 1


def test_every_refusal_on_the_way_is_explained() -> None:
    document = Client().get("/api/v1/schema/?format=json").json()
    calls = ["carts/", "carts/{id}/lines/", "carts/{id}/delivery/", "carts/{id}/shipping/", "carts/{id}/checkout/"]
    codes = set()
    for call in calls:
        for method in document["paths"][f"/api/v1/{call}"].values():
            for status, answer in method["responses"].items():
                if status in ("402", "404", "409", "422", "429", "503"):
                    codes |= set(re.findall(r"`(\w+)`", answer["description"]))
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
    assert "cards_closed" in codes


def test_the_limits_are_those_of_the_settings() -> None:
    limits = PAGE[PAGE.index("## Limits") :]
    for said in (
        f"| lines in a call and in a cart | {settings.MAX_CART_LINES} |",
        f"| units of one product in a cart | {settings.MAX_LINE_QUANTITY} |",
        f"| a cart lives | {settings.CART_LIFETIME_DAYS} days",
        f"| a shipping price holds | {settings.SHIPPING_QUOTE_MINUTES} minutes |",
    ):
        assert said in limits
