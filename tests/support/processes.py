"""The environment of other shop processes: the test's database, cache, provider and mail server."""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.support.sandbox import Sandbox

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-W", "ignore"]


def database_url() -> str:
    facts: dict[str, Any] = connection.settings_dict
    password = f":{quote(facts['PASSWORD'])}" if facts["PASSWORD"] else ""
    return f"postgres://{facts['USER']}{password}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"


def environment(sandbox: Sandbox, mail_port: int, **more: str) -> dict[str, str]:
    """Environment variables with which a process of the shop uses the servers of this test."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ESTEIRA_DEMO": "1",
        "DATABASE_URL": database_url(),
        "DATABASE_POOL_SIZE": "0",
        "CACHE_KEY_PREFIX": settings.CACHES["default"]["KEY_PREFIX"],
        "CACHE_CHECK_WRITES": "1",
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "STRIPE_API_BASE": sandbox.base_url,
        "STRIPE_SECRET_KEY": sandbox.secret_key,
        "STRIPE_PUBLISHABLE_KEY": sandbox.publishable_key,
        "STRIPE_WEBHOOK_SECRET": sandbox.webhook_secret,
        "RATE_LIMITS": "off",
        "LOG_LEVEL": "CRITICAL",
        "PYTHONUNBUFFERED": "1",
        **more,
    }
