"""How the shop finds its servers: the environment first, one variable at a time, then servers.env."""

import socket
import stat

import environ
import pytest

from config.devstack import environment, ports, process_locks


def test_by_default_every_server_is_embedded(data):
    assert environment.needed_servers({}) == ["postgres", "valkey", "sandbox", "carrier"]
    variables = environment.shop_addresses(data, {}, 8123)
    assert variables["SITE_URL"] == "http://127.0.0.1:8123"
    assert variables["EMAIL_URL"] == f"filemail:///{data.mail}"
    assert variables["STRIPE_JS_URL"] == f"http://127.0.0.1:{data.port('sandbox')}/v3/"
    assert variables["MELHOR_ENVIO_API_BASE"] == f"http://127.0.0.1:{data.port('carrier')}"
    assert variables["POSTAL_CODE_API_BASE"] == f"http://127.0.0.1:{data.port('carrier')}/viacep"
    assert variables["POSTAL_CODE_SECOND_API_BASE"] == f"http://127.0.0.1:{data.port('carrier')}/brasilapi"
    assert variables["SELLER_TAX_ID"] == "11.222.333/0001-81"
    assert variables["ESTEIRA_DEMO"] == "1"


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"DATABASE_URL": "postgres://db/shop"}, ["valkey", "sandbox", "carrier"]),
        ({"REDIS_URL": "redis://cache/0"}, ["postgres", "valkey", "sandbox", "carrier"]),
        ({"REDIS_URL": "redis://cache/0", "CELERY_BROKER_URL": "redis://cache/1"}, ["postgres", "sandbox", "carrier"]),
        ({"STRIPE_API_BASE": "https://api.stripe.com"}, ["postgres", "valkey", "carrier"]),
        ({"MELHOR_ENVIO_API_BASE": "https://melhorenvio.com.br"}, ["postgres", "valkey", "sandbox"]),
        ({"DATABASE_URL": ""}, ["postgres", "valkey", "sandbox", "carrier"]),
    ],
)
def test_a_given_address_replaces_its_server_and_no_other(given, needed):
    assert environment.needed_servers(given) == needed


def test_a_given_variable_wins_over_the_default(data):
    variables = environment.shop_addresses(data, {"REDIS_URL": "redis://cache/0", "SECRET_KEY": "mine"}, 8123)
    assert variables["REDIS_URL"] == "redis://cache/0"
    assert variables["SECRET_KEY"] == "mine"
    assert variables["CELERY_BROKER_URL"].endswith(f"@127.0.0.1:{data.port('valkey')}/1")


def test_no_sandbox_means_none_of_its_keys(data):
    given = {"STRIPE_API_BASE": "https://api.stripe.com"}
    assert not [name for name in environment.shop_addresses(data, given, 8123) if name.startswith("STRIPE_")]


def test_no_carrier_sandbox_means_none_of_its_keys(data):
    given = {"MELHOR_ENVIO_API_BASE": "https://melhorenvio.com.br"}
    assert not [name for name in environment.shop_addresses(data, given, 8123) if name.startswith("MELHOR_ENVIO_T")]


def test_the_settings_read_what_was_written(data):
    variables = environment.shop_addresses(data, {}, 8123)
    environment.write_servers_env(data, variables)
    assert stat.S_IMODE(data.servers_env.stat().st_mode) == 0o600

    class Env(environ.Env):
        ENVIRON = {"SITE_URL": "https://given.example"}

    Env.read_env(data.servers_env)

    env = Env()
    assert env.str("DATABASE_URL") == variables["DATABASE_URL"]
    assert env.db_url("DATABASE_URL")["PASSWORD"] == data.secret("postgres")
    assert env.email_url("EMAIL_URL")["EMAIL_FILE_PATH"] == str(data.mail)
    assert env.str("SITE_URL") == "https://given.example"


def test_a_running_monitor_stays_known_when_the_demo_restarts(data):
    assert environment.alertmanager_address(data) == {}
    known = {"ALERTMANAGER_URL": "http://127.0.0.1:9093"}
    environment.write_servers_env(data, known | {"SITE_URL": "http://127.0.0.1:8000"})
    assert environment.alertmanager_address(data) == {}, "the monitor has exited"
    monitor = process_locks.take(data.root, "monitor")
    assert environment.alertmanager_address(data) == known
    monitor.release()


def test_a_port_is_kept_until_another_program_uses_it(data):
    first = data.free_port("postgres")
    assert data.free_port("postgres") == first
    with socket.create_server((ports.HOST, first)):
        second = data.free_port("postgres")
        assert second != first
        assert ports.is_free(second)
    assert data.port("postgres") == second


def test_secrets_are_generated_once_and_hidden(data):
    secret = data.secret("django")
    assert len(secret) >= 50
    assert data.secret("django") == secret
    assert data.secret("webhooks") != secret
    assert stat.S_IMODE((data.root / "kept.json").stat().st_mode) == 0o600
