"""Accounts in the database and in the admin."""

import threading

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

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


NEW_PASSWORD = "another-long-password-1"


@pytest.mark.parametrize(
    "typed",
    [
        {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
        {"usable_password": "false", "unset-password": "1"},
    ],
)
def test_a_password_set_by_staff_signs_the_person_out_everywhere(staff, typed, django_capture_on_commit_callbacks):
    person = UserFactory(email="maria@example.com")
    app = APIClient(headers={"authorization": f"Token {Token.objects.create(user=person).key}"})
    browser = Client()
    browser.post(reverse("accounts:sign_in"), {"email": person.email, "password": PASSWORD})
    assert [app.get("/api/v1/me/").status_code, browser.get("/api/v1/me/").status_code] == [200, 200]
    with django_capture_on_commit_callbacks(execute=True):
        answer = staff.post(reverse("admin:auth_user_password_change", args=[person.pk]), typed)
    assert answer.status_code == 302, answer.context["form"].errors
    assert [app.get("/api/v1/me/").status_code, browser.get("/api/v1/me/").status_code] == [401, 401]


def test_a_password_set_by_command_revokes_tokens(db, monkeypatch):
    person = UserFactory(email="maria@example.com")
    Token.objects.create(user=person)
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW_PASSWORD)
    call_command("changepassword", person.email)
    assert not Token.objects.exists()


def test_tokens_outlive_a_sign_in_that_upgrades_the_hash(db, settings):
    person = UserFactory(email="maria@example.com")
    token = Token.objects.create(user=person)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    app = APIClient(headers={"authorization": f"Token {token.key}"})
    assert app.get("/api/v1/me/").status_code == 200
    services.check_credentials(None, person.email, PASSWORD)
    person.refresh_from_db()
    assert person.password.startswith("pbkdf2")
    assert app.get("/api/v1/me/").status_code == 200


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
