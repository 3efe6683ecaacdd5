"""docs/privacy.md has the table of the code."""

from django.conf import settings
from django.utils.translation import override

from config.retention.rules import RetentionRule, all_rules
from config.settings.retention import _DEFAULTS


def test_the_table_is_that_of_the_code() -> None:
    page = (settings.BASE_DIR / "docs" / "privacy.md").read_text().splitlines()
    with override("en"):
        rows = [_row(rule) for rule in all_rules()]
    assert [line for line in page if line.startswith("| `RETENTION_")] == rows


def _row(rule: RetentionRule) -> str:
    days = _DEFAULTS[rule.name]
    period = f"{days} day{'s' if days > 1 else ''}"
    return f"| `{rule.setting}` | {rule.what} | {period} | {rule.effect} | {rule.why} |"
