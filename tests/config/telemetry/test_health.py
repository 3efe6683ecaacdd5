"""Health checks, in each state of the database and Redis."""

import pytest
from django.conf import settings as project_settings
from django.db import connections
from django.test import Client, override_settings

from config.telemetry import health
from tests.support.factories.accounts import UserFactory

TOKEN = "for-people-on-call"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)


@pytest.fixture
def no_redis() -> "override_settings":
    """Settings with an unreachable Redis."""
    redis = {**project_settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    return override_settings(CACHES={"default": redis})


class TestLive:
    def test_touches_neither_database_nor_session(self, client: Client) -> None:
        # Without the `db` fixture, the database refuses.
        client.cookies["sessionid"] = "some-session"
        answer = client.get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "live"})
        assert "Vary" not in answer.headers
        assert not answer.cookies

    def test_is_reachable_by_ip_address_and_plain_http(self, client: Client, settings) -> None:
        settings.SECURE_SSL_REDIRECT = True
        assert client.get("/health/live", headers={"host": "10.0.3.7:8000"}).status_code == 200


class TestReady:
    @pytest.mark.django_db
    def test_needs_the_database(self, client: Client) -> None:
        assert client.get("/health/ready").json() == {"status": "ready"}

    @pytest.mark.django_db
    def test_checks_migrations_once(self, client: Client, django_assert_num_queries) -> None:
        client.get("/health/ready")
        with django_assert_num_queries(1):
            client.get("/health/ready")

    @pytest.mark.django_db
    def test_redis_may_be_down(self, client: Client, no_redis) -> None:
        with no_redis:
            assert client.get("/health/ready").status_code == 200

    @pytest.mark.django_db
    def test_a_missing_migration_is_reported(self, client: Client) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'checkout'")
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "migrations missing"})

    @pytest.mark.django_db(transaction=True)
    def test_no_database_is_not_ready(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = connections["default"]
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "PORT", 1)
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        answer = client.get("/health/ready")
        connection.close()
        assert (answer.status_code, answer.json()) == (503, {"status": "database away"})
        assert client.get("/health/live").status_code == 200


@pytest.mark.django_db
class TestFull:
    def test_is_for_staff_and_the_token(self, client: Client, settings) -> None:
        settings.METRICS_TOKEN = TOKEN
        assert client.get("/health/full").status_code == 404
        assert client.get("/health/full", headers={"authorization": "Bearer x"}).status_code == 404
        client.force_login(UserFactory())
        assert client.get("/health/full").status_code == 404
        assert Client().get("/health/full", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        client.force_login(UserFactory(is_staff=True))
        assert client.get("/health/full").status_code == 200

    def test_without_a_configured_token_access_is_refused(self, client: Client, settings) -> None:
        settings.METRICS_TOKEN = ""
        assert client.get("/health/full", headers={"authorization": "Bearer "}).status_code == 404
        assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404

    def test_shows_what_on_call_needs_first(self, client: Client) -> None:
        client.force_login(UserFactory(is_staff=True))
        document = client.get("/health/full").json()
        assert (document["status"], document["database"], document["redis"]) == ("ready", "there", "there")
        assert document["gauges"]["breaker_state"]["stripe"] == 0
        assert document["gauges"]["payment_attempts"] == {"started": 0, "action": 0, "unknown": 0}
        assert document["gauges"]["outbox_oldest_seconds"] == 0
