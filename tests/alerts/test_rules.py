"""Alert rules, checked by Prometheus' own tools: each is actionable and uses series that the shop exports."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import missing

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "deploy" / "prometheus" / "alerts.yml"
CASES = Path(__file__).with_name("alerts.test.yml")
ROUTES = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"


@pytest.fixture(autouse=True)
def tools() -> None:
    if missing():
        pytest.fail(
            f"There is no {' and no '.join(missing())} to check the alerts; `make test` installs it.", pytrace=False
        )


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def run(*command: str | Path, folder: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=120)


def test_each_fires_and_stays_silent_as_in_its_cases() -> None:
    done = run("promtool", "test", "rules", CASES.name, folder=CASES.parent)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("written", "planted"),
    [
        (" or vector(0)", ""),
        ('outcome=~"error|payment_unavailable"', 'outcome!="ok"'),
        ("== 2", ">= 1"),
        ("checkout_lock_errors_total[1m])) > 5", "checkout_lock_errors_total[1m])) > 50"),
        ('attention_items{item="payments_unresolved"}', 'attention_items{item="webhooks_late"}'),
    ],
)
def test_the_cases_catch_a_wrong_rule(tmp_path: Path, written: str, planted: str) -> None:
    text = RULES.read_text()
    assert written in text
    (tmp_path / "alerts.yml").write_text(text.replace(written, planted))
    cases = CASES.read_text().replace("../../deploy/prometheus/alerts.yml", str(tmp_path / "alerts.yml"))
    (tmp_path / "cases.yml").write_text(cases)
    assert run("promtool", "test", "rules", tmp_path / "cases.yml").returncode != 0


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = CASES.read_text()
    assert [
        rule["alert"] for rule in alerts() if f'alertname="{rule["alert"]}", alertstate="firing"' not in cases
    ] == []


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"
    page = (REPOSITORY / rule["annotations"]["runbook"]).read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    for heading in ("## What it means", "## How to look", "## What to do"):
        assert heading in page, heading


def test_no_runbook_is_left_of_a_removed_alert() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in alerts()}


def test_every_series_in_a_rule_is_exported_by_the_shop() -> None:
    sources = "".join(
        path.read_text() for pattern in ("config/**/*.py", "*/metrics.py") for path in sorted(REPOSITORY.glob(pattern))
    )
    series = {
        name for rule in rules() for name in re.findall(r"\b([a-z]+(?:_[a-z]+)+)\b(?=[{\[)]| [><=])", rule["expr"])
    }
    assert len(series) >= 10
    unknown = {name for name in series if re.sub(r"_(bucket|count|sum)$", "", name) not in sources}
    assert unknown == set()


def test_the_servers_accept_their_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    shutil.copytree(RULES.parent, folder)
    (folder / "metrics-token").write_text("x")
    for command in (["promtool", "check", "config", folder / "prometheus.yml"], ["amtool", "check-config", ROUTES]):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_alerts_are_routed_by_severity(rule: dict[str, Any]) -> None:
    severity = rule["labels"]["severity"]
    done = run(
        "amtool", "config", "routes", "test", f"--config.file={ROUTES}",
        f"alertname={rule['alert']}", f"severity={severity}",
    )  # fmt: skip
    assert done.stdout.split() == [{"page": "pager", "ticket": "channel"}[severity]], done.stdout + done.stderr
