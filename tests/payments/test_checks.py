"""System checks of settings that would put money at risk."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from payments.checks import KEYS


@pytest.mark.parametrize("name", KEYS)
def test_a_missing_key_fails_the_deployment_check(settings: Any, name: str) -> None:
    for key in KEYS:
        setattr(settings, key, "set")
    setattr(settings, name, "")

    with pytest.raises(SystemCheckError, match=f"{name} is not set"):
        call_command("check", "payments", deploy=True, stderr=StringIO())


@pytest.mark.parametrize("seconds", [0, 10, 60])
def test_a_call_may_not_outlast_the_lock(settings: Any, seconds: float) -> None:
    settings.PAYMENT_TIMEOUT_SECONDS = seconds

    with pytest.raises(SystemCheckError, match="E002"):
        call_command("check", "payments", stderr=StringIO())
