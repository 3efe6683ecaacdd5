"""What a response shows is what REST framework would show of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from rest_framework import serializers

from config.api.fields import Money, Output, document


def forms(base: Any) -> Any:
    """A form, by this base, of every kind of field that responses have."""

    class Part(base):
        name = serializers.CharField()
        price = Money()

    class Form(base):
        id = serializers.IntegerField()
        renamed = serializers.CharField(source="other")
        optional = serializers.CharField(required=False)
        empty = serializers.CharField(allow_null=True)
        usual = serializers.CharField(default="as ever")
        called = serializers.CharField()
        hidden = serializers.CharField(write_only=True)
        part = Part(allow_null=True)
        parts = Part(many=True)
        computed = serializers.SerializerMethodField()

        def get_computed(self, value: Any) -> str:
            return type(value).__name__

    return Form


Form, Plain = forms(Output), forms(serializers.Serializer)


@dataclass
class Thing:
    id: Any
    other: str
    parts: Any
    part: Any = None

    def called(self) -> str:
        return "by a call"

    @property
    def empty(self) -> str:
        raise ObjectDoesNotExist


MUG = {"name": "Mug", "price": Decimal("9.9")}
SHOWN = [
    {"id": 1, "other": "x", "empty": None, "called": "text", "part": MUG, "parts": [MUG, MUG]},
    {"id": "7", "other": 5, "optional": "given", "usual": "new", "called": lambda: "called", "part": None, "parts": ()},
    {"id": None, "other": "", "called": "", "part": None, "parts": []},
    Thing(1, "x", [MUG], MUG),
    Thing(None, "x", []),
]


@pytest.mark.parametrize("value", SHOWN)
def test_a_response_shows_what_rest_framework_shows(value: Any) -> None:
    ours = document(Form, value)
    assert ours == dict(Plain().to_representation(value))
    assert list(ours) == list(Plain().to_representation(value))
    assert ours["computed"] == type(value).__name__


@pytest.mark.parametrize("value", [{"id": 1}, Thing(1, "x", 5)])
def test_what_is_missing_or_of_another_kind_is_an_error_as_there(value: Any) -> None:
    errors = []
    for show in (Form().to_representation, Plain().to_representation):
        with pytest.raises((KeyError, TypeError)) as error:
            show(value)
        errors.append((error.type, isinstance(value, Mapping) and "renamed" in str(error.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "field", [serializers.CharField(source="part.name"), serializers.PrimaryKeyRelatedField(read_only=True)]
)
def test_a_field_that_does_not_show_one_attribute_is_refused(field: Any) -> None:
    form = type("Odd", (Output,), {"odd": field})
    with pytest.raises(TypeError, match="odd of Odd"):
        document(form, {"odd": 1})
