"""A refusal belongs to its app: its class alone gives the API its title and the facts to expose."""

import gc
from collections.abc import Iterator
from io import StringIO
from typing import Any, TypedDict

import pytest
import yaml
from django.core.management import call_command
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from cart.exceptions import CheckoutInProgress, InvalidQuantity
from config.api.problems import problem_of
from config.exceptions import Fact, Refusal


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture(autouse=True)
def forget_planted_refusals() -> Iterator[None]:
    """Keeps other tests from finding it among the subclasses."""
    yield
    gc.collect()


def plant() -> type[Refusal]:
    class Keeper(TypedDict):
        """Who keeps it."""

        name: str
        floor: int

    class KeyMissing(Refusal):
        code = "key_missing"
        status = 410
        title = _("Not found")
        message = "The key is not here."
        shows = {"door": Fact("which door."), "keepers": Fact("who to ask.", list[Keeper])}

    return KeyMissing


def schemas() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())["components"]["schemas"]


def test_the_problem_has_the_title_and_the_facts_of_its_class() -> None:
    keepers = [{"name": "Ana", "floor": 2}]
    assert problem_of(plant()(door="7", keepers=keepers, secret="x")) == {
        "type": "urn:esteira:problem:key_missing",
        "title": "Not found",
        "status": 410,
        "detail": "The key is not here.",
        "code": "key_missing",
        "door": "7",
        "keepers": keepers,
    }


def test_the_document_describes_the_facts() -> None:
    planted = plant()
    known = schemas()
    members = known["Problem"]["properties"]
    assert members["door"] == {"type": "string", "description": f"With `{planted.code}`: which door."}
    assert members["keepers"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Keeper"},
        "description": "With `key_missing`: who to ask.",
    }
    assert known["Keeper"]["description"] == "Who keeps it."
    assert known["Keeper"]["properties"] == {"name": {"type": "string"}, "floor": {"type": "integer"}}
    assert not {"door", "keepers"} & set(known["Problem"]["required"])


def test_a_fact_shared_by_two_codes_is_described_for_each() -> None:
    planted = plant()

    class LockMissing(planted):
        code = "lock_missing"

    described = schemas()["Problem"]["properties"]["door"]["description"]
    assert described == "With `key_missing`: which door. With `lock_missing`: which door."


def test_the_facts_of_the_shops_refusals_are_in_order() -> None:
    members = [*schemas()["Problem"]["properties"]]
    assert members == [
        "type", "title", "status", "detail", "code", "errors",
        "instead", "methods", "expected_total", "total", "reason", "shortages",
    ]  # fmt: skip


def test_a_code_has_one_title() -> None:
    planted = plant()

    class SameCode(planted):
        pass

    class OwnCode(planted):
        code = "own_code"

    assert problem_of(SameCode())["title"] == "Not found"
    assert problem_of(OwnCode())["title"] == "Gone"
    assert problem_of(InvalidQuantity("No."))["title"] == problem_of(Refusal("No."))["title"]
    assert problem_of(CheckoutInProgress())["title"] == "Payment in progress"
