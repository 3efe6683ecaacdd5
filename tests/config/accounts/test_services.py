"""Accounts in the database and in the admin."""

import re
import threading
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from config.accounts import services
from config.accounts.exceptions import EmailTaken
from config.accounts.models import User
from config.audit.models import Entry
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


INVITED = {"email": "New@Example.com", "full_name": "Nova Pessoa", "is_staff": "on"}
NEW_PASSWORD = "another-long-password-1"


def _mailed_link(body: str, settings: Any) -> str:
    return re.search(rf"{settings.SITE_URL}(/account/\S+)", body).group(1)


def test_staff_invite_a_person_who_chooses_the_password(
    staff, mailoutbox, settings, django_capture_on_commit_callbacks
):
    role = Group.objects.get(name="support")
    with django_capture_on_commit_callbacks(execute=True):
        answer = staff.post(reverse("admin:accounts_user_add"), {**INVITED, "groups": [role.pk]})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    added = User.objects.get(email="new@example.com")
    assert not added.has_usable_password()
    assert (added.is_staff, added.is_superuser, list(added.groups.all())) == (True, False, [role])
    (sent,) = mailoutbox
    assert (sent.to, sent.subject) == (["new@example.com"], "Choose your password for Esteira")
    assert f"{settings.SITE_URL}{reverse('admin:index')}" in sent.body

    theirs = Client(headers={"accept-language": "en"})
    page = theirs.get(_mailed_link(sent.body, settings), follow=True)
    answer = theirs.post(page.request["PATH_INFO"], {"password": NEW_PASSWORD}, follow=True)
    assert "To the back office" in answer.text
    assert theirs.get(reverse("admin:index")).status_code == 200
    assert User.objects.get(email="new@example.com").check_password(NEW_PASSWORD)
    assert services.has_proven_address(added)


def test_nobody_types_a_password_for_somebody_else(staff, mailoutbox):
    typed = {**INVITED, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, "password": PASSWORD}
    staff.post(reverse("admin:accounts_user_add"), typed)
    added = User.objects.get(email="new@example.com")
    staff.post(reverse("admin:auth_user_password_change", args=[added.pk]), {**typed, "reason": "they asked"})
    added.refresh_from_db()
    assert not added.has_usable_password()


def test_who_is_there_already_is_not_invited_again(staff, mailoutbox, django_capture_on_commit_callbacks):
    UserFactory(email="new@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        again = staff.post(reverse("admin:accounts_user_add"), INVITED)
    assert "email" in again.context["adminform"].form.errors
    assert mailoutbox == []


def test_a_link_for_a_new_password_signs_the_person_out_everywhere(
    staff, mailoutbox, settings, django_capture_on_commit_callbacks
):
    person = UserFactory(email="maria@example.com")
    app = APIClient(headers={"authorization": f"Token {Token.objects.create(user=person).key}"})
    browser = Client()
    browser.post(reverse("accounts:sign_in"), {"email": person.email, "password": PASSWORD})
    assert [app.get("/api/v1/me/").status_code, browser.get("/api/v1/me/").status_code] == [200, 200]
    page = reverse("admin:auth_user_password_change", args=[person.pk])
    assert person.email in staff.get(page).text
    assert staff.post(page, {"reason": ""}).status_code == 200
    assert app.get("/api/v1/me/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        answer = staff.post(page, {"reason": "lost the phone"})
    assert answer["Location"] == reverse("admin:accounts_user_change", args=[person.pk])
    assert [app.get("/api/v1/me/").status_code, browser.get("/api/v1/me/").status_code] == [401, 401]
    assert _mailed_link(mailoutbox[0].body, settings)
    assert "/admin/" not in mailoutbox[0].body
    entry = Entry.objects.get(verb="account.invite")
    assert (entry.object_id, entry.reason) == (str(person.pk), "lost the phone")


def test_only_a_superuser_ends_the_password_of_staff(db):
    clerk, boss = UserFactory(is_staff=True), UserFactory(is_staff=True, is_superuser=True)
    clerk.user_permissions.add(Permission.objects.get(codename="change_user"))
    desk, shopper = Client(), UserFactory()
    desk.force_login(clerk)
    pages = [reverse("admin:auth_user_password_change", args=[user.pk]) for user in (boss, shopper)]
    assert [desk.post(page, {"reason": "curious"}).status_code for page in pages] == [403, 302]
    boss.refresh_from_db()
    assert boss.has_usable_password()


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
