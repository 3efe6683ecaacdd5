"""The carrier's webhook: verified on its raw body, and noted before it is acknowledged. A probe does nothing."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from shipping import label_news
from shipping.models import Label, LabelStatus
from shipping.sandbox.webhooks import sign

pytestmark = pytest.mark.django_db

URL = "/webhooks/melhor-envio/"
SECRET = "application-secret"


@pytest.fixture(autouse=True)
def secret(settings: Any) -> None:
    settings.MELHOR_ENVIO_SECRET = SECRET


def label(**fields: Any) -> Label:
    facts = {
        "reference": "ORDER",
        "service": "1",
        "service_name": "Correios PAC",
        "weight_grams": 1,
        "length_cm": 1,
        "width_cm": 1,
        "height_cm": 1,
        "status": LabelStatus.MADE,
        "carrier_id": str(uuid4()),
    }
    return Label.objects.create(**{**facts, **fields})


def event(carrier_id: str, name: str = "order.posted", **data: Any) -> str:
    return json.dumps({"event": name, "data": {"id": carrier_id, "status": name.removeprefix("order."), **data}})


def send(body: str, signature: str | None = None) -> int:
    headers = {"X-ME-Signature": sign(body, SECRET) if signature is None else signature}
    return Client(headers=headers).post(URL, body, content_type="application/json").status_code


def test_a_signed_one_has_its_label_looked_up(django_assert_num_queries: Any) -> None:
    ours, other = label(), label()
    with django_assert_num_queries(1):
        assert send(event(ours.carrier_id)) == 200
    ours.refresh_from_db()
    other.refresh_from_db()
    assert ours.ask_at is not None and ours.ask_at <= timezone.now()
    assert other.ask_at is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_probes_the_address_is_answered_and_does_nothing(method: str, django_assert_num_queries: Any) -> None:
    ours = label()
    with django_assert_num_queries(0):
        answer = Client().generic(method, URL, event(ours.carrier_id), content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize("signature", ["x", "é", "=" * 44, sign("another body", SECRET), sign("{}", "another secret")])
def test_a_forged_one_is_refused(signature: str) -> None:
    ours = label()
    headers = {"X-ME-Signature": signature.encode().decode("latin-1")}
    answer = Client(headers=headers).post(URL, event(ours.carrier_id), content_type="application/json")
    assert answer.status_code == 400
    ours.refresh_from_db()
    assert ours.ask_at is None


def test_the_signature_is_over_the_bytes_as_they_came() -> None:
    ours = label()
    body = event(ours.carrier_id)
    signature = sign(body, SECRET)
    assert send(body.replace(" ", ""), signature) == 400
    assert send(body, signature) == 200


def test_without_a_secret_none_is_believed(settings: Any) -> None:
    settings.MELHOR_ENVIO_SECRET = ""
    body = event(label().carrier_id)
    assert send(body, sign(body, "")) == 400


@pytest.mark.parametrize(
    "body",
    ["", "[]", "7", "{}", '{"data": 7}', '{"data": {"id": ""}}', '{"data": {"id": "unknown", "status": "posted"}}'],
)
def test_what_is_about_no_label_of_ours_is_acknowledged(body: str) -> None:
    label()
    label(carrier_id="", status=LabelStatus.BEGUN)
    assert send(body) == 200
    assert not Label.objects.exclude(ask_at=None).exists()


def test_other_methods_are_refused() -> None:
    assert Client().put(URL).status_code == 405


class TestAsking:
    def test_a_claimed_one_is_nobody_elses_until_the_claim_ends(self) -> None:
        due = label(ask_at=timezone.now())
        label(ask_at=timezone.now() + timedelta(hours=1))
        assert label_news.claim(5) == [due]
        assert label_news.claim(5) == []
        Label.objects.filter(pk=due.pk).update(ask_at=timezone.now() - timedelta(seconds=1))
        assert label_news.claim(5) == [due]

    def test_a_nudge_while_it_is_asked_about_is_not_lost(self) -> None:
        label(ask_at=timezone.now())
        (claimed,) = label_news.claim(5)
        send(event(claimed.carrier_id))
        label_news.heard(claimed, is_over=True)
        assert label_news.claim(5) == [claimed]

    def test_then_it_is_asked_about_in_hours_and_not_for_ever(self) -> None:
        young, old = label(ask_at=timezone.now()), label(ask_at=timezone.now())
        Label.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=61))
        for claimed in label_news.claim(5):
            label_news.heard(claimed, is_over=False)
        young.refresh_from_db()
        old.refresh_from_db()
        assert young.ask_at is not None and young.ask_at > timezone.now() + timedelta(hours=5)
        assert old.ask_at is None
