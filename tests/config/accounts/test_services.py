"""Accounts in the database and in the admin."""

import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from config.accounts import services
from config.accounts.exceptions import EmailTaken
from config.accounts.models import User
from tests.support.factories.accounts import PASSWORD, UserFactory


@pytest.mark.django_db(transaction=True)
def test_concurrent_sign_ups_with_one_address_make_one_account():
    start, outcomes = threading.Barrier(4), []

    def sign_up(email: str) -> None:
        start.wait()
        try:
            outcomes.append(services.sign_up(email, PASSWORD).email)
        except EmailTaken:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=sign_up, args=(email,)) for email in ("a@example.com", "A@example.com") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["a@example.com", "taken", "taken", "taken"]
    assert User.objects.count() == 1


@pytest.fixture
def staff(db) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_staff_add_a_person_by_address(staff):
    typed = {
        "email": "New@Example.com",
        "full_name": "Nova Pessoa",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    answer = staff.post(reverse("admin:accounts_user_add"), typed)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    added = User.objects.get(email="new@example.com")
    assert added.check_password(PASSWORD)
    again = staff.post(reverse("admin:accounts_user_add"), typed)
    assert "email" in again.context["adminform"].form.errors


def test_staff_see_and_change_a_person(staff):
    person = UserFactory(full_name="Zélia Duncan")
    page = staff.get(reverse("admin:accounts_user_change", args=[person.pk]))
    assert page.status_code == 200
    found = staff.get(reverse("admin:accounts_user_changelist"), {"q": "Zélia"})
    assert person.email in found.text


def test_statements_of_the_list_do_not_grow(staff, django_assert_max_num_queries):
    UserFactory.create_batch(2)
    with django_assert_max_num_queries(20) as few:
        staff.get(reverse("admin:accounts_user_changelist"))
    UserFactory.create_batch(30)
    with django_assert_max_num_queries(len(few)):
        staff.get(reverse("admin:accounts_user_changelist"))
