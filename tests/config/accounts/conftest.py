"""Fixtures: tasks run eagerly, in this process, and mail is kept in `mailoutbox`."""

import socket
from collections.abc import Iterator

import pytest
from django.test import Client

from config.celery import app
from tests.support.factories.accounts import UserFactory


@pytest.fixture(autouse=True)
def eager_tasks() -> Iterator[None]:
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


@pytest.fixture(autouse=True)
def fast_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def english(settings) -> None:
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def person(db):
    return UserFactory(email="maria@example.com")


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def broker_down(request: pytest.FixtureRequest, eager_tasks) -> Iterator[None]:
    """The broker refuses connections, or accepts them and never answers (parameter "hanging")."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if getattr(request, "param", "refused") == "hanging":
            listener.listen(8)
        before = app.conf.broker_url
        app.conf.task_always_eager = False
        _use_broker(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        yield
        _use_broker(before)


def _use_broker(url: str) -> None:
    app.conf.broker_url = app.conf.broker_write_url = url
    app._after_fork()  # drops open connections
