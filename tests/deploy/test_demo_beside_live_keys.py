"""A demo never starts with a live key: not the web process, not the worker, no command."""

import subprocess
import sys

import pytest

from tests.support.image import REPOSITORY, environment

COMMANDS = {
    "web": ["-m", "gunicorn", "--config", "python:config.gunicorn", "--bind", "127.0.0.1:0", "config.wsgi"],
    "worker": ["-m", "celery", "-A", "config", "worker", "--pool", "solo"],
    "manage.py": ["manage.py", "check"],
    "runserver": ["manage.py", "runserver", "--noreload", "127.0.0.1:0"],
}


def run(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    variables = {**environment(**more), "DATABASE_POOL_SIZE": "0"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_none_starts(db: None, name: str) -> None:
    done = run(COMMANDS[name], ESTEIRA_DEMO="1", STRIPE_SECRET_KEY="sk_live_nobodys")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "ESTEIRA_DEMO is on, but STRIPE_SECRET_KEY is a live key." in said
    assert "sk_live_nobodys" not in said


@pytest.mark.parametrize(
    ("name", "key"), [("STRIPE_SECRET_KEY", "rk_live_nobodys"), ("STRIPE_PUBLISHABLE_KEY", "pk_live_nobodys")]
)
def test_any_live_key_counts(db: None, name: str, key: str) -> None:
    done = run(COMMANDS["manage.py"], ESTEIRA_DEMO="1", **{name: key})
    assert done.returncode != 0
    assert f"{name} is a live key" in done.stderr


def test_live_keys_without_a_demo_and_test_keys_with_one_are_fine(db: None) -> None:
    for more in ({"ESTEIRA_DEMO": "0", "STRIPE_SECRET_KEY": "sk_live_nobodys"}, {"ESTEIRA_DEMO": "1"}):
        done = run(COMMANDS["manage.py"], **more)
        assert done.returncode == 0, done.stderr
