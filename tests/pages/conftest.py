"""Pages are tried as a browser without scripts sees them; what scripts add is tried in the journeys."""

import pytest

from tests.support.pages import Visitor


@pytest.fixture(autouse=True)
def static_files_from_apps(settings, tmp_path) -> None:
    """Nobody has collected static files before a test."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.STATIC_ROOT = tmp_path
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()
