"""Production settings take effect: read by a separate process, with the AWS template's variables."""

import json
import re
import subprocess
import sys

import pytest

from tests.support.image import REPOSITORY, environment

ASSETS = "https://d123.cloudfront.net"
AWS = {
    "DATABASE_URL": "postgres://esteira@proxy.example:5432/esteira?sslmode=verify-full&sslrootcert=/etc/ssl/ca.crt",
    "DATABASE_BEHIND_POOLER": "1",
    "REDIS_URL": "rediss://:word@cache.example:6379/0?ssl_cert_reqs=required",
    "CELERY_BROKER_URL": "rediss://:word@cache.example:6379/1?ssl_cert_reqs=required",
    "ALLOWED_HOSTS": "loja.example.com",
    "NUM_PROXIES": "1",
    "ASSETS_URL": ASSETS,
    "MEDIA_BUCKET": "pictures",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
}
PROGRAM = """
import json, sys, django
django.setup()
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django_redis import get_redis_connection
import config.celery, config.wsgi
print(json.dumps({
    "database": {key: str(value) for key, value in connection.get_connection_params().items() if key.startswith("ssl")},
    "cursors": connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"],
    "prepare_threshold": connection.get_connection_params()["prepare_threshold"],
    "redis": get_redis_connection("default").connection_pool.connection_class.__name__,
    "broker": config.celery.app.connection_for_write().transport_cls,
    "picture": default_storage.url("a b.jpg"),
    "static": settings.STATIC_URL,
    "csp": settings.CONTENT_SECURITY_POLICY["DIRECTIVES"],
    "https": [settings.SECURE_SSL_REDIRECT, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE],
    "hsts": settings.SECURE_HSTS_SECONDS,
    "tracing": [name for name in sys.modules if name.startswith(("opentelemetry.exporter", "opentelemetry.sdk.trace"))],
    "developer_view": [settings.DEVELOPER_VIEW, "debug_toolbar" in [*settings.INSTALLED_APPS, *sys.modules]],
}, default=str))
"""


@pytest.fixture(scope="module")
def facts(django_db_setup: None) -> dict[str, object]:
    more = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_POOL_SIZE": "0", "DEVELOPER_VIEW": "1"}
    variables = {**environment(**AWS), **more}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def test_database_uses_tls(facts) -> None:
    assert facts["database"] == {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/ca.crt"}
    assert facts["cursors"] is True


def test_behind_a_pooler_statements_are_not_prepared(facts) -> None:
    assert facts["prepare_threshold"] is None


def test_redis_is_guarded_with_tls_too(facts) -> None:
    assert facts["redis"] == "GuardedSSLConnection"


def test_the_cdn_serves_pictures_and_static_files_and_the_policy_allows_it(facts) -> None:
    assert facts["picture"] == f"{ASSETS}/media/a%20b.jpg"
    assert facts["static"] == f"{ASSETS}/static/"
    assert all(ASSETS in facts["csp"][kind] for kind in ("default-src", "script-src", "style-src", "img-src"))


def test_everything_uses_https(facts) -> None:
    assert facts["https"] == [True, True, True]
    assert facts["hsts"] >= 31_536_000


def test_without_a_collector_tracing_is_not_imported(facts) -> None:
    assert facts["tracing"] == []


def test_the_developer_view_cannot_be_enabled_by_the_environment(facts) -> None:
    """Nor is its code in the image, which contains only what runtime.txt lists."""
    assert facts["developer_view"] == [False, False]
    assert "debug-toolbar" not in (REPOSITORY / "requirements" / "runtime.txt").read_text()
    assert set(re.findall(r"requirements/(\S+)", (REPOSITORY / "Dockerfile").read_text())) == {"runtime.txt"}


def test_djangos_deployment_check_passes() -> None:
    seller = {
        "SELLER_NAME": "Loja Ltda.", "SELLER_TAX_ID": "11.222.333/0001-81", "SELLER_ADDRESS": "Rua das Flores, 1",
        "SELLER_EMAIL": "loja@loja.example.com",
    }  # fmt: skip
    variables = environment(**AWS, **seller)
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
