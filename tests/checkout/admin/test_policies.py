"""Staff write the shop's texts; the audit log keeps each version."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from checkout.models import Policy
from checkout.models.policies import MAX_TEXT_LENGTH
from checkout.policies import first_version
from config.audit.models import Entry
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def terms() -> Policy:
    return Policy.objects.get_or_create(page="terms", language="en")[0]


def form_of(client: Client, policy: Policy) -> dict[str, Any]:
    form = client.get(address(policy)).context["adminform"].form
    return {"text": form["text"].value(), "initial-text": form["text"].initial}


def address(policy: Policy) -> str:
    return reverse("admin:checkout_policy_change", args=[policy.pk])


def test_the_form_opens_with_the_first_version_and_keeps_it_unless_it_is_changed(desk: Client, terms: Policy) -> None:
    form = form_of(desk, terms)
    assert form["text"] == first_version("terms", "en")
    assert desk.post(address(terms), form).status_code == 302
    terms.refresh_from_db()
    assert terms.text == ""
    assert not Entry.objects.filter(object_type="checkout.policy").exists()


def test_a_new_text_is_on_the_page_at_once_and_in_the_audit_log(desk: Client, terms: Policy) -> None:
    assert desk.post(address(terms), {**form_of(desk, terms), "text": "## Short\n\nPay, and it is yours."}).url
    assert "<h2>Short</h2>" in Client(headers={"accept-language": "en"}).get("/terms/").text
    entry = Entry.objects.get(object_type="checkout.policy")
    assert entry.before["text"].startswith("These are the terms")
    assert entry.after["text"].startswith("## Short")
    assert desk.post(address(terms), {**form_of(desk, terms), "text": ""}).url
    assert "How an order comes about" in Client(headers={"accept-language": "en"}).get("/terms/").text


def test_a_text_has_an_end(desk: Client, terms: Policy) -> None:
    answer = desk.post(address(terms), {**form_of(desk, terms), "text": "x" * (MAX_TEXT_LENGTH + 1)})
    assert "text" in answer.context["adminform"].form.errors


def test_texts_are_neither_added_nor_deleted(desk: Client, terms: Policy) -> None:
    listed = desk.get(reverse("admin:checkout_policy_changelist"))
    assert "the first version" in listed.text
    assert reverse("admin:checkout_policy_change", args=[terms.pk]) in listed.text
    assert desk.get(reverse("admin:checkout_policy_add")).status_code == 403
    assert desk.post(reverse("admin:checkout_policy_delete", args=[terms.pk])).status_code == 403


def test_a_page_of_another_release_is_left_out(desk: Client, terms: Policy) -> None:
    Policy.objects.create(page="imprint", language="en")
    listed = desk.get(reverse("admin:checkout_policy_changelist"))
    assert "Terms of sale" in listed.text
    assert "imprint" not in listed.text


def test_who_may_only_view_changes_nothing(terms: Policy) -> None:
    reader = staff_with("checkout.view_policy")
    assert "the first version" in reader.get(address(terms)).text
    assert reader.post(address(terms), {"text": "mine"}).status_code == 403
