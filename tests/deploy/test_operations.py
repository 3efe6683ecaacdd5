"""Everything docs/operations.md tells people to type exists: paths, commands, stack parameters and parts, AWS calls."""

import json
import re
import shlex
import subprocess

import pytest
from django.core.management import get_commands

from tests.deploy.test_files import AWS, template
from tests.support.image import REPOSITORY

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
BLOCKS = re.findall(r"^( *)```sh\n(.*?)^\1```$", PAGE, re.MULTILINE | re.DOTALL)
SHELL = "\n".join(block for _indent, block in BLOCKS)
TYPED = SHELL + "\n".join(re.findall(r"`([^`\n]+)`", PAGE))
SCRIPTS = [AWS / "release", AWS / "task"]


def test_paths_exist() -> None:
    paths = set(re.findall(r"\b(?:deploy|docs|tests|config|checkout)/[\w./*-]*[\w/]", PAGE))
    assert len(paths) > 10
    assert [path for path in paths if not list(REPOSITORY.glob(path))] == []


def test_management_commands_exist() -> None:
    commands = set(re.findall(r"manage\.py (\w+)", PAGE))
    assert {"load_shipping_rates", "import_products", "createsuperuser"} <= commands
    assert commands <= set(get_commands())


@pytest.mark.parametrize("block", [block for _indent, block in BLOCKS])
def test_each_block_is_valid_shell(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_parameters_match_those_of_the_stacks() -> None:
    known = template("shop.yaml")["Parameters"] | template("foundation.yaml")["Parameters"]
    given = set(re.findall(r"(?<![\w$])([A-Z][a-z]\w*)=(?!=)", TYPED))
    assert given <= set(known)
    assert {name for name, facts in known.items() if "Default" not in facts} <= given


@pytest.mark.parametrize(("stack", "name"), [("esteira", "shop.yaml"), ("esteira-foundation", "foundation.yaml")])
def test_outputs_exist_in_the_stacks(stack: str, name: str) -> None:
    named = set(re.findall(rf"\boutput {stack} (\w+)", TYPED))
    assert named
    assert named <= set(template(name)["Outputs"])


def test_parts_exist_in_the_stack() -> None:
    named = set(re.findall(r"\bpart (\w+)", TYPED))
    assert len(named) > 5
    assert named <= set(template("shop.yaml")["Resources"])


def test_every_variable_of_the_pipeline_is_documented() -> None:
    wanted = set(re.findall(r"vars\.(\w+)", (REPOSITORY / ".github" / "workflows" / "deploy.yml").read_text()))
    assert {name for name in wanted if f"`{name}`" not in PAGE} == set()


def test_aws_calls_exist() -> None:
    calls = [words for text in (TYPED, *(script.read_text() for script in SCRIPTS)) for words in calls_of_aws(text)]
    assert len(calls) > 30
    assert ["ecs", "wait", "services-stable"] in [words[:3] for words in calls]
    command = [REPOSITORY / ".tools" / "bin" / "python", "tests/deploy/aws_calls.py"]
    done = subprocess.run(command, cwd=REPOSITORY, input=json.dumps(calls), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def calls_of_aws(shell: str) -> list[list[str]]:
    """The words after each `aws` in a bash script; a string or a `$(…)` is one word."""
    text = re.sub(r"(^|\s)#.*$", "", shell.replace("\\\n", " "), flags=re.MULTILINE)
    text = re.sub(r"'[^']*'", "STRING", text, flags=re.DOTALL)
    pieces = []
    while inner := re.search(r"\$\(([^()]*)\)", text):
        pieces.append(inner[1])
        text = f"{text[: inner.start()]}INNER{text[inner.end() :]}"
    commands = [command for piece in (text, *pieces) for command in re.split(r"[;|&\n]+|(?<!\S)[{(!](?!\S)", piece)]
    found = [re.search(r"(?:^|\s|=)aws (.*)", command) for command in commands]
    return [shlex.split(call[1].replace('"', " ")) for call in found if call]
