"""Labels of Melhor Envio: the client against the stand-in, which follows the real one's contract."""

import base64
import hashlib
import hmac
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from config.db.locks import NetworkCallInTransaction
from config.resilience.breakers import breaker
from shipping.addresses import Address
from shipping.carriers import label_carrier, label_documents
from shipping.carriers.base import CarrierUnavailable
from shipping.carriers.labels import CarrierLabel, LabelRefused, LabelUnknown
from shipping.carriers.melhor_envio_labels import MelhorEnvioLabels
from shipping.label_requests import Box, DeclaredItem, LabelRequest, Party
from shipping.sandbox.labels import Labels
from tests.support.carrier import StandInCarrier
from tests.support.orders import eventually

pytestmark = pytest.mark.django_db

SENDER = Party(
    Address("Esteira Ltda.", "Praça da Sé", "1", "Sé", "São Paulo", "SP", "01001000"),
    tax_id="11222333000181",
    email="loja@esteira.example",
    phone="1130000000",
)
RECIPIENT = Party(
    Address("Ana Souza", "Avenida Paulista", "1000", "Bela Vista", "São Paulo", "SP", "01310100", "ap. 12"),
    tax_id="52998224725",
    email="ana@example.com",
    phone="11999990000",
)
REQUEST = LabelRequest(
    tag="11111111-2222-3333-4444-555555555555",
    service="2",
    sender=SENDER,
    recipient=RECIPIENT,
    items=(DeclaredItem("Camiseta", 2, Decimal("79.90")),),
    box=Box(weight_grams=400, length_cm=30, width_cm=25, height_cm=4),
)


@pytest.fixture
def labels(carrier: StandInCarrier, settings: Any) -> MelhorEnvioLabels:
    # What hangs does so for a minute; the rest is a busy machine's.
    settings.LABEL_SECONDS = 20.0
    found = label_carrier()
    assert isinstance(found, MelhorEnvioLabels)
    return found


def _made(labels: MelhorEnvioLabels) -> CarrierLabel:
    label = labels.put_in_cart(REQUEST)
    labels.pay(label.carrier_id)
    labels.make(label.carrier_id)
    return labels.fetch(label.carrier_id)


class TestSteps:
    def test_from_the_cart_to_the_print(self, carrier: StandInCarrier, labels: MelhorEnvioLabels):
        before = labels.balance()
        label = labels.put_in_cart(REQUEST)
        assert (label.state, label.tag, label.tracking_code) == ("pending", REQUEST.tag, "")
        assert label.price is not None and label.price > 0
        assert labels.balance() == before
        labels.pay(label.carrier_id)
        assert labels.balance() == before - label.price
        assert labels.fetch(label.carrier_id).state == "released"
        labels.make(label.carrier_id)
        made = labels.fetch(label.carrier_id)
        assert made.state == "generated"
        assert made.tracking_code.startswith("ME")
        with urllib.request.urlopen(labels.print_page([label.carrier_id]), timeout=20) as page:
            shown = page.read().decode()
        assert made.tracking_code in shown
        assert RECIPIENT.address.name not in shown

    def test_what_is_sent_to_the_cart(self):
        sent = label_documents.cart_item(REQUEST)
        assert sent["service"] == 2
        assert sent["from"]["company_document"] == "11222333000181" and "document" not in sent["from"]
        assert sent["to"] == {
            "name": "Ana Souza",
            "phone": "11999990000",
            "email": "ana@example.com",
            "document": "52998224725",
            "address": "Avenida Paulista",
            "number": "1000",
            "complement": "ap. 12",
            "district": "Bela Vista",
            "city": "São Paulo",
            "state_abbr": "SP",
            "country_id": "BR",
            "postal_code": "01310100",
        }
        assert sent["volumes"] == [{"height": 4, "width": 25, "length": 30, "weight": 0.4}]
        assert sent["options"]["insurance_value"] == 159.8
        assert sent["options"]["non_commercial"] is True
        assert sent["options"]["tags"] == [{"tag": REQUEST.tag}]

    def test_the_cart_makes_two_of_two_requests_and_finds_them_by_tag(self, labels: MelhorEnvioLabels):
        assert labels.find_in_cart(REQUEST.tag) is None
        first, second = labels.put_in_cart(REQUEST), labels.put_in_cart(REQUEST)
        assert first.carrier_id != second.carrier_id
        # More than a page of it.
        for number in range(11):
            labels.put_in_cart(replace(REQUEST, tag=f"another-{number}"))
        found = labels.find_in_cart(REQUEST.tag)
        assert found is not None and found.carrier_id in {first.carrier_id, second.carrier_id}

    def test_the_wallet_pays_a_label_once(self, carrier: StandInCarrier, labels: MelhorEnvioLabels):
        label = labels.put_in_cart(REQUEST)
        labels.pay(label.carrier_id)
        with pytest.raises(LabelRefused):
            labels.pay(label.carrier_id)
        assert carrier.paid == label.price

    def test_an_empty_wallet_pays_nothing(self, carrier: StandInCarrier, labels: MelhorEnvioLabels):
        label = labels.put_in_cart(REQUEST)
        carrier.fill_wallet(1)
        with pytest.raises(LabelRefused, match="Saldo insuficiente"):
            labels.pay(label.carrier_id)
        assert (labels.balance(), labels.fetch(label.carrier_id).state) == (Decimal("1.00"), "pending")

    def test_made_twice_it_is_made_once(self, labels: MelhorEnvioLabels):
        made = _made(labels)
        labels.make(made.carrier_id)
        assert labels.fetch(made.carrier_id) == made

    def test_cancelled_before_it_is_posted_its_price_comes_back(
        self, carrier: StandInCarrier, labels: MelhorEnvioLabels
    ):
        made = _made(labels)
        labels.cancel(made.carrier_id, "Not wanted")
        assert (labels.fetch(made.carrier_id).state, carrier.paid) == ("canceled", 0)

    def test_a_posted_one_is_not_cancelled(self, carrier: StandInCarrier, labels: MelhorEnvioLabels):
        made = _made(labels)
        carrier.move_label(made.carrier_id, "posted")
        with pytest.raises(LabelRefused):
            labels.cancel(made.carrier_id, "Not wanted")
        assert carrier.paid == made.price

    def test_out_of_the_cart_it_is_unknown(self, labels: MelhorEnvioLabels):
        label = labels.put_in_cart(REQUEST)
        labels.remove_from_cart(label.carrier_id)
        for call in (labels.fetch, labels.remove_from_cart):
            with pytest.raises(LabelUnknown):
                call(label.carrier_id)


class TestFailures:
    def test_a_refusal_names_the_fields_and_not_what_was_in_them(self, labels: MelhorEnvioLabels):
        nobody = replace(RECIPIENT, tax_id="", address=replace(RECIPIENT.address, street=""))
        with pytest.raises(LabelRefused) as refused:
            labels.put_in_cart(replace(REQUEST, recipient=nobody))
        assert str(refused.value) == "The given data was invalid. (to.address, to.document)"

    @pytest.mark.parametrize("token", ["wrong", "unscoped-token"])
    def test_a_refused_token_is_logged_without_its_value(
        self, carrier: StandInCarrier, labels: MelhorEnvioLabels, caplog: Any, token: str
    ):
        with pytest.raises(LabelRefused):
            replace(labels, token=token).balance()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert token not in caplog.text

    @pytest.mark.parametrize("fault", [{"kind": "error", "error_status": 500}, {"kind": "error", "error_status": 429},
                                       {"kind": "garbage"}, {"kind": "lost_answer"}])  # fmt: skip
    def test_otherwise_it_is_not_known_what_was_done(
        self, carrier: StandInCarrier, labels: MelhorEnvioLabels, fault: dict[str, Any]
    ):
        carrier.fault(**fault)
        with pytest.raises(CarrierUnavailable):
            labels.put_in_cart(REQUEST)

    def test_a_lost_answer_leaves_a_label_that_is_found_by_its_tag(
        self, carrier: StandInCarrier, labels: MelhorEnvioLabels
    ):
        carrier.fault("lost_answer", path="/api/v2/me/cart", method="POST", times=1)
        with pytest.raises(CarrierUnavailable):
            labels.put_in_cart(REQUEST)
        found = labels.find_in_cart(REQUEST.tag)
        assert found is not None and [found.carrier_id] == [label["id"] for label in carrier.labels]

    def test_a_circuit_of_its_own_opens(self, carrier: StandInCarrier, labels: MelhorEnvioLabels):
        carrier.fault("error", error_status=500)
        for _ in range(6):
            with pytest.raises(CarrierUnavailable):
                labels.balance()
        assert breaker("melhor_envio_labels").state == "open"
        assert breaker("melhor_envio").state == "closed"

    def test_no_call_inside_a_transaction(self, labels: MelhorEnvioLabels):
        with transaction.atomic(), pytest.raises(NetworkCallInTransaction):
            labels.balance()

    def test_without_a_carrier_there_are_no_labels(self):
        assert label_carrier() is None


class TestDocuments:
    def test_times_without_a_zone_are_of_brasilia(self):
        assert label_documents.moment("2026-11-20 09:30:00") == datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
        assert label_documents.moment("2026-11-20T09:30:00+00:00") == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
        assert label_documents.moment("yesterday") is None

    def test_both_spellings_of_cancelled_are_one(self):
        for state in ("canceled", "cancelled"):
            told = label_documents.label({"id": "1", "status": state})
            assert told is not None and told.state == "canceled"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["id", "status", "tags", "tag", "price", "tracking", "protocol", "posted_at"])
                    | st.text(max_size=8),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=12,
        )
    )
    def test_any_document_is_a_label_or_none(self, document: Any):
        label = label_documents.label(document)
        assert label is None or (label.carrier_id and label.state)
        label_documents.refusal_text(json.dumps(document).encode())


class _Shop(BaseHTTPRequestHandler):
    """Receives webhooks: the first try of each is refused."""

    received: list[tuple[bytes, str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_first = not any(body == known for known, _ in self.received)
        self.received.append((body, self.headers["X-ME-Signature"]))
        self.send_response(500 if is_first else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def shop(carrier: StandInCarrier) -> Iterator[list[tuple[bytes, str]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    _Shop.received = []
    Thread(target=server.serve_forever, daemon=True).start()
    carrier.send_webhooks(f"http://127.0.0.1:{server.server_address[1]}/", "a secret")
    yield _Shop.received
    carrier.send_webhooks("", "")
    server.shutdown()
    server.server_close()


class TestWebhooks:
    def test_they_are_signed_over_their_body_and_repeated_until_accepted(
        self, carrier: StandInCarrier, labels: MelhorEnvioLabels, shop: list[tuple[bytes, str]]
    ):
        label = labels.put_in_cart(REQUEST)
        eventually(lambda: len(shop) == 2)
        assert shop[0] == shop[1]
        body, signature = shop[0]
        expected = hmac.new(b"a secret", body, hashlib.sha256).digest()
        assert base64.b64decode(signature) == expected
        event = json.loads(body)
        assert (event["event"], event["data"]["id"]) == ("order.created", label.carrier_id)
        assert event["data"]["tags"] == [{"tag": REQUEST.tag}]
        assert "to" not in event["data"]

    def test_they_are_lost_held_and_doubled_on_demand(
        self, carrier: StandInCarrier, labels: MelhorEnvioLabels, shop: list[tuple[bytes, str]]
    ):
        carrier.fault("webhooks_lost", types=["order.created"])
        carrier.fault("webhooks_held")
        carrier.fault("webhooks_doubled", types=["order.released"])
        label = labels.put_in_cart(REQUEST)
        labels.pay(label.carrier_id)
        assert [event["event"] for event in carrier.events] == ["order.created", "order.released"]
        assert shop == []
        carrier.no_faults()
        eventually(lambda: len(shop) == 3)
        assert {json.loads(body)["event"] for body, _ in shop} == {"order.released"}


def test_parcels_move_by_themselves_where_that_is_wanted():
    """As in the demo."""
    told: list[str] = []
    labels = Labels(lambda label: told.append(label["status"]), move_seconds=0.001)
    status, label = labels.answer("POST", "/cart", {}, label_documents.cart_item(REQUEST)) or (0, {})
    assert status == 201
    for verb in ("checkout", "generate"):
        labels.answer("POST", f"/shipment/{verb}", {}, {"orders": [label["id"]]})

    def is_delivered() -> bool:
        labels.happen()
        return told[-1] == "delivered"

    eventually(is_delivered)
    assert told == ["pending", "released", "generated", "posted", "delivered"]
