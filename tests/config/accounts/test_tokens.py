"""A token for each device: listed, renewed by use, ended by its owner, by time and by a new password."""

import hashlib
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from config.accounts import tokens
from config.accounts.models import ApiToken, User
from config.accounts.services import change_password
from config.retention.rules import all_rules
from tests.support.factories.accounts import PASSWORD, UserFactory, token_for

pytestmark = pytest.mark.django_db

TOKENS, ME = "/api/v1/tokens/", "/api/v1/me/"
LIFE = timedelta(days=90)


def _app(key: str) -> APIClient:
    return APIClient(headers={"authorization": f"Token {key}", "accept-language": "en"})


def _sign_in(person: User, **body: str) -> dict:
    answer = APIClient().post(TOKENS, {"email": person.email, "password": PASSWORD, **body}, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def _age(days: float) -> None:
    """As if this many days had passed since all tokens were made or used."""
    past = timedelta(days=days)
    for token in ApiToken.objects.all():
        moved = {name: getattr(token, name) - past for name in ("created_at", "used_at", "expires_at")}
        ApiToken.objects.filter(pk=token.pk).update(**moved)


def _works(key: str) -> bool:
    return _app(key).get(ME).status_code == 200


def test_each_device_gets_its_own_and_only_its_hash_is_kept(person):
    phone, tablet = _sign_in(person, name="Telefone da Ana"), _sign_in(person)
    assert phone["token"] != tablet["token"]
    assert _works(phone["token"])
    assert _works(tablet["token"])
    kept = str(list(ApiToken.objects.values()))
    assert phone["token"] not in kept
    assert hashlib.sha256(phone["token"].encode()).hexdigest() in kept


def test_what_old_clients_read_is_as_before_with_the_end_beside(person):
    answer = _sign_in(person)
    assert set(answer) == {"token", "email", "expires_at"}
    assert len(answer["token"]) == 40
    ends = timezone.datetime.fromisoformat(answer["expires_at"])
    assert timedelta(days=89, hours=23) < ends - timezone.now() <= LIFE


@pytest.mark.parametrize(("body", "name"), [({"name": "Telefone"}, "Telefone"), ({}, "Esteira/2.1 (Android 15)")])
def test_a_device_is_called_what_it_says(person, body, name):
    app = APIClient(headers={"user-agent": "Esteira/2.1 (Android 15)"})
    app.post(TOKENS, {"email": person.email, "password": PASSWORD, **body}, format="json")
    assert ApiToken.objects.get().name == name


@pytest.mark.parametrize("agent", ["a\tb", "x" * 300, ""])
def test_a_strange_user_agent_signs_in_too(person, agent):
    app = APIClient(headers={"user-agent": agent})
    answer = app.post(TOKENS, {"email": person.email, "password": PASSWORD}, format="json")
    assert answer.status_code == 200
    assert len(ApiToken.objects.get().name) <= 80


def test_the_list_shows_ones_own_devices(person):
    phone = _sign_in(person, name="Telefone")
    _age(1)
    tablet = _sign_in(person, name="Tablet")
    _sign_in(UserFactory(), name="Alheio")
    answer = _app(phone["token"]).get(TOKENS).json()
    assert [device["name"] for device in answer["results"]] == ["Telefone", "Tablet"], "the phone was used just now"
    assert answer["current"] == answer["results"][0]["id"]
    assert set(answer["results"][0]) == {"id", "name", "created_at", "used_at", "expires_at"}
    assert tablet["token"] not in str(answer)


def test_a_stolen_token_is_revoked_from_another_device_and_dead_at_once(person):
    phone, thief = _sign_in(person), _sign_in(person)
    assert _works(thief["token"])
    devices = _app(phone["token"]).get(TOKENS).json()
    (stolen,) = [device["id"] for device in devices["results"] if device["id"] != devices["current"]]
    assert _app(phone["token"]).delete(f"{TOKENS}{stolen}/").status_code == 204
    assert not _works(thief["token"])
    assert _works(phone["token"])
    assert _app(phone["token"]).delete(f"{TOKENS}{stolen}/").status_code == 404


def test_nobody_revokes_another_persons_device(person):
    key, other = token_for(person), token_for(UserFactory())
    theirs = ApiToken.objects.get(user=person)
    assert _app(other).delete(f"{TOKENS}{theirs.pk}/").status_code == 404
    browser = Client()
    browser.force_login(UserFactory())
    assert browser.post(reverse("accounts:end_device", args=[theirs.pk])).status_code == 404
    assert _works(key)


def test_signing_out_ends_this_device_only(person):
    phone, tablet = _sign_in(person)["token"], _sign_in(person)["token"]
    assert _app(phone).delete(TOKENS).status_code == 204
    assert [_works(phone), _works(tablet)] == [False, True]


def test_signing_out_with_a_session_ends_every_device(person):
    keys = [token_for(person), Token.objects.create(user=person).key]
    browser = Client()
    browser.force_login(person)
    assert browser.delete(TOKENS).status_code == 204
    assert [_works(key) for key in keys] == [False, False]


def test_a_token_ends_after_ninety_days_without_use(person):
    key = token_for(person)
    _age(89)
    assert _works(key)
    _age(89)
    assert _works(key), "renewed by use"
    _age(91)
    assert not _works(key)


def test_a_use_is_written_down_once_an_hour(person, django_assert_num_queries):
    key = token_for(person)
    with django_assert_num_queries(1):
        _app(key).get(ME)
    _age(1 / 12)
    with django_assert_num_queries(2):
        _app(key).get(ME)
    with django_assert_num_queries(1):
        _app(key).get(ME)


def test_beyond_twenty_the_one_unused_for_longest_ends(person):
    first = token_for(person)
    _age(1)
    keys = [token_for(person) for _ in range(19)]
    assert _works(keys[0])
    newest = _sign_in(person)["token"]
    assert [_works(key) for key in (first, keys[0], newest)] == [False, True, True]
    assert ApiToken.objects.count() == 20


def test_a_password_written_past_the_model_ends_tokens_too(person):
    """As by a server of the release before, which knows nothing of these tokens, or in SQL."""
    key = token_for(person)
    User.objects.filter(pk=person.pk).update(password="md5$salt$other")
    assert not _works(key)


def test_a_sign_in_that_a_new_password_overtakes_gives_no_token(person, rf):
    """The old password was right when it was checked, and is not any more."""
    known = User.objects.get(pk=person.pk)
    change_password(person, "another-long-password-1")
    _token, key = tokens.issue_token(rf.get("/"), known)
    assert not _works(key)


# --- The single token of the release before ---------------------------------------------------------------------------


def test_an_old_token_goes_on_working_and_is_taken_over(person):
    old = Token.objects.create(user=person)
    assert [_works(old.key), _works(old.key)] == [True, True]
    (device,) = ApiToken.objects.all()
    assert (device.user, device.in_clear_too) == (person, True)
    assert Token.objects.exists(), "a server of the release before must know it during a deployment"
    _age(2)
    assert _works(old.key)
    assert not Token.objects.exists(), "no clear text is left"
    assert _works(old.key)


@pytest.mark.parametrize("end", ["one", "all", "release before", "too many", "password", "time", "closed"])
def test_an_old_token_that_has_ended_is_not_taken_over_again(person, end, django_capture_on_commit_callbacks):
    old = Token.objects.create(user=person)
    assert _works(old.key)
    device = ApiToken.objects.get()
    if end == "one":
        assert _app(old.key).delete(f"{TOKENS}{device.pk}/").status_code == 204
    elif end == "all":
        tokens.revoke_tokens(person)
    elif end == "release before":
        Token.objects.filter(user=person).delete()
    elif end == "too many":
        _age(1 / 24)
        for _ in range(20):
            _sign_in(person)
    elif end == "password":
        change_password(person, "another-long-password-1")
    elif end == "closed":
        User.objects.filter(pk=person.pk).update(is_active=False)
    else:
        _age(91)
    assert not _works(old.key)
    if end == "time":
        _age(2)
        rule = next(rule for rule in all_rules() if rule.name == "api_tokens")
        rule.remove(rule.past_due(timezone.now()))
        assert not _works(old.key)
        assert not Token.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_old_token_used_by_many_at_once_is_taken_over_once():
    old, start, answers = Token.objects.create(user=UserFactory()), threading.Barrier(4), []

    def use() -> None:
        start.wait()
        try:
            answers.append(_works(old.key))
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 4
    assert ApiToken.objects.count() == 1


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_lists_devices_and_signs_one_out(visitor, person):
    key, other = _sign_in(person, name="<b>Telefone</b>")["token"], token_for(UserFactory())
    page = reverse("accounts:devices")
    assert visitor.get(page).status_code == 302, "only for who is signed in"
    visitor.force_login(person)
    assert "&lt;b&gt;Telefone&lt;/b&gt;" in visitor.get(page).text
    answer = visitor.post(reverse("accounts:end_device", args=[ApiToken.objects.get(user=person).pk]), follow=True)
    assert "That device is signed out." in answer.text
    assert "No app is signed in" in answer.text
    assert [_works(key), _works(other)] == [False, True]


def test_statements_of_the_page_do_not_grow(visitor, person, django_assert_max_num_queries):
    visitor.force_login(person)
    token_for(person)
    with django_assert_max_num_queries(12) as few:
        visitor.get(reverse("accounts:devices"))
    for _ in range(9):
        token_for(person)
    with django_assert_max_num_queries(len(few)):
        visitor.get(reverse("accounts:devices"))
