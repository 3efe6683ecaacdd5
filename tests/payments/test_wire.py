"""Forms with bracketed keys: as Stripe's SDKs send them, and malformed ones."""

import contextlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from payments.sandbox.wire import ApiError, parse_form

NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
VALUES = st.text(max_size=12)
TREES = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, min_size=1, max_size=3), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_what_the_sdk_writes_is_read_back(params: dict[str, Any]) -> None:
    assert parse_form(urlencode(list(_api_encode(params)))) == params


@given(st.text(alphabet="ab[]=&0²%", max_size=30))
def test_nonsense_is_read_or_refused(form: str) -> None:
    with contextlib.suppress(ApiError):
        assert isinstance(parse_form(form), dict)


@pytest.mark.parametrize("form", ["a=1&a[b]=2", "a[b]=2&a=1", "a[b]=1&a[b][c]=2"])
def test_a_parameter_is_a_value_or_a_hash(form: str) -> None:
    with pytest.raises(ApiError):
        parse_form(form)
