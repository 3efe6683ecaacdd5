"""System check: periods that are too short for a law or for the shop, or longer than any purpose."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error

from config.retention.rules import all_rules


def check_periods(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """retention.E001: a period is out of bounds. retention.E002: rules and settings differ."""
    rules = all_rules()
    found: list[CheckMessage] = [
        Error(
            f"{rule.setting} is {rule.days}: it must be between {rule.at_least} and {rule.at_most} days.",
            hint=str(rule.why),
            id="retention.E001",
        )
        for rule in rules
        if rule.name in settings.RETENTION_DAYS and not rule.at_least <= rule.days <= rule.at_most
    ]
    if differing := settings.RETENTION_DAYS.keys() ^ {rule.name for rule in rules}:
        text = f"Only a rule or only a setting exists for: {', '.join(sorted(differing))}."
        found.append(Error(text, id="retention.E002"))
    return found
