"""When a request is whole: exactly when gunicorn's parser would not ask for more."""

from http import HTTPStatus

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.errors import NoMoreData, ParseException
from hypothesis import given
from hypothesis import strategies as st

from config.web.arrival import BYTES_PER_SECOND, LARGEST_BODY, LARGEST_HEAD, SECONDS, Arrival

POST = b"POST /api/ HTTP/1.1\r\nHost: shop\r\n"
WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n",
    "no headers": b"GET / HTTP/1.0\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: shop\r\n\r\n",
    "a length": POST + b"Content-Length: 5\r\n\r\nhello",
    "a length, oddly written": POST + b"cOntent-LENGTH:5  \r\n\r\nhello",
    "no bytes": POST + b"Content-Length: 0\r\n\r\n",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0\r\n\r\n45678\r\n0\r\n\r\n",
    "chunks and a trailer": POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nDigest: x\r\n\r\n",
    "a body that looks like a head": POST + b"Content-Length: 9\r\n\r\n0\r\n\r\n\r\n\r\n",
}
REFUSED = {
    "a bare line feed": b"GET / HTTP/1.1\nHost: shop\n\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 9\r\n\r\n",
    "a length that is none": POST + b"Content-Length: five\r\n\r\n",
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nfive\r\n",
    "an endless chunk line": POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 9000,
}


def arrival(data: bytes) -> Arrival:
    return Arrival(data, began=0)


def read_by_gunicorn(data: bytes) -> bytes:
    """The body; raises NoMoreData if the parser would wait for more, or what it refuses the request with."""
    request = next(get_parser(Config(), iter([data]), ("127.0.0.1", 1)))
    body = request.body.read()
    if len(body) < sum(int(value) for name, value in request.headers if name == "CONTENT-LENGTH"):
        raise NoMoreData
    return bytes(body)


@pytest.mark.parametrize("name", WHOLE)
def test_a_request_is_whole_with_its_last_byte_and_not_before(name: str) -> None:
    data, growing = WHOLE[name], arrival(b"")
    read_by_gunicorn(data)
    for end in range(1, len(data)):
        growing.data += data[end - 1 : end]
        assert not growing.is_whole(), growing.data
    growing.data += data[-1:]
    assert growing.is_whole()
    assert arrival(data).is_whole()
    assert arrival(data + b"GET /next").is_whole()


@pytest.mark.parametrize("name", REFUSED)
def test_nobody_waits_for_the_rest_of_what_is_refused(name: str) -> None:
    assert arrival(REFUSED[name]).is_whole()
    with pytest.raises((ParseException, NoMoreData)):
        read_by_gunicorn(REFUSED[name])


@given(st.lists(st.binary(min_size=1, max_size=40)), st.data())
def test_any_chunks_are_whole_exactly_when_the_parser_has_them_all(chunks: list[bytes], cut: st.DataObject) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    data = POST + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"
    assert read_by_gunicorn(data) == b"".join(chunks)
    assert arrival(data).is_whole()
    assert not arrival(data[: cut.draw(st.integers(0, len(data) - 1))]).is_whole()


def test_size_is_bounded() -> None:
    assert arrival(POST + b"X: " + b"x" * LARGEST_HEAD).refusal() is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    announced = arrival(POST + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))
    assert not announced.is_whole()
    assert announced.refusal() is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    chunked = arrival(POST + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + bytes(LARGEST_BODY))
    assert not chunked.is_whole()
    assert chunked.refusal() is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    fits = arrival(POST + b"Content-Length: %d\r\n\r\n" % LARGEST_BODY)
    assert not fits.is_whole()
    assert fits.refusal() is None


def test_time_grows_with_what_has_come_not_with_what_is_announced() -> None:
    head = POST + b"Content-Length: 9999999\r\n\r\n"
    assert arrival(head).due == pytest.approx(SECONDS, abs=0.1)
    assert arrival(head + bytes(60 * BYTES_PER_SECOND)).due == pytest.approx(SECONDS + 60, abs=0.1)


def test_probes_are_told_by_their_address() -> None:
    assert arrival(b"GET /health/ready HTTP/1.1\r\n").is_probe
    assert arrival(b"GET /metrics HTTP/1.1\r\n").is_probe
    assert not arrival(b"GET /cart/ HTTP/1.1\r\n").is_probe
    assert not arrival(b"POST /health/ready HTTP/1.1\r\n").is_probe
