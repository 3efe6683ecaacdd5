"""deploy/aws/release and task with a fake `aws` that records its calls in order."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.image import REPOSITORY

STAND_IN = """#!{python}
import json, os, sys

state = json.load(open({state!r}))
words = sys.argv[1:]
option = lambda name: words[words.index(name) + 1] if name in words else ""
state["calls"].append(" ".join(words[:3]) if words[1] == "wait" else words[1])
code, answer = 0, ""
if words[1] == "describe-stacks":
    answer = "esteira" if "Cluster" in option("--query") else "x"
elif words[1] == "describe-task-definition":
    answer = json.dumps({{"family": option("--task-definition"), "revision": 7, "containerDefinitions": [
        {{"name": "shop", "image": "old"}}, {{"name": "collector", "image": "theirs"}}]}})
elif words[1] == "register-task-definition":
    task = json.load(open(option("--cli-input-json").removeprefix("file://")))
    state["registered"].append([task["family"], [c["image"] for c in task["containerDefinitions"]], sorted(task)])
    answer = task["family"] + ":8"
elif words[1] == "run-task":
    state["ran"] = [option("--task-definition"), json.loads(option("--overrides"))["containerOverrides"]]
    answer = "task-1"
elif words[1] == "describe-tasks":
    answer = state["migration"]
elif words[1] == "describe-services":
    answer = state["running"][option("--services")]
elif words[1] == "update-service":
    state["running"][option("--service")] = option("--task-definition")
elif words[1:3] == ["wait", "services-stable"] and state["circuit_breaker"]:
    state["running"]["web"] = "esteira-web:7"
    state["circuit_breaker"] = False
json.dump(state, open({state!r}, "w"))
print(answer)
sys.exit(code)
"""


def release(folder: Path, **answers: object) -> tuple[int, dict]:
    return run(folder, "release", "esteira", "registry/shop:new", **answers)


def run(
    folder: Path, script: str, *arguments: str, migration: str = "0", circuit_breaker: bool = False
) -> tuple[int, dict]:
    """Its exit code, and what the fake `aws` recorded."""
    state = folder / "state.json"
    before = {name: f"esteira-{name}:7" for name in ("web", "worker", "beat")}
    facts = {"calls": [], "registered": [], "running": before, "migration": migration}
    state.write_text(json.dumps({**facts, "circuit_breaker": circuit_breaker}))
    program = folder / "aws"
    program.write_text(STAND_IN.format(python=sys.executable, state=str(state)))
    program.chmod(0o755)
    done = subprocess.run(
        [REPOSITORY / "deploy" / "aws" / script, *arguments],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(state.read_text())


def test_migrates_first_and_then_updates_all_services(tmp_path: Path) -> None:
    code, saw = release(tmp_path)
    assert code == 0
    assert saw["running"] == {name: f"esteira-{name}:8" for name in ("web", "worker", "beat")}
    assert saw["ran"] == ["esteira-migrate:8", []]
    assert saw["calls"].index("ecs wait tasks-stopped") < saw["calls"].index("update-service")
    assert saw["registered"][0] == [
        "esteira-migrate",
        ["registry/shop:new", "theirs"],
        ["containerDefinitions", "family"],
    ]


def test_a_failed_migration_stops_the_release(tmp_path: Path) -> None:
    code, saw = release(tmp_path, migration="1")
    assert code == 1
    assert "update-service" not in saw["calls"]


@pytest.mark.parametrize("back", ["web", "worker", "beat"])
def test_one_rollback_rolls_back_all(tmp_path: Path, back: str) -> None:
    code, saw = release(tmp_path, circuit_breaker=True)
    assert code == 1
    assert saw["running"][back] == f"esteira-{back}:7"


def test_a_task_runs_one_command_in_the_workers_environment(tmp_path: Path) -> None:
    command = ["sh", "-c", """echo "it's" '$(date)'"""]
    code, saw = run(tmp_path, "task", "esteira", *command)
    assert code == 0
    assert saw["ran"] == ["esteira-worker:7", [{"name": "shop", "command": command}]]
    assert saw["calls"].index("ecs wait tasks-stopped") < saw["calls"].index("get-log-events")


def test_a_task_that_fails_is_an_error(tmp_path: Path) -> None:
    assert run(tmp_path, "task", "esteira", "false", migration="1")[0] == 1
