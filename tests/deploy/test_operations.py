"""What docs/operations.md has people type is there: paths, commands, parameters and parts of the stacks, AWS calls."""

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


def test_paths_are_there() -> None:
    paths = set(re.findall(r"\b(?:deploy|docs|tests|config|checkout)/[\w./*-]*[\w/]", PAGE))
    assert len(paths) > 10
    assert [path for path in paths if not list(REPOSITORY.glob(path))] == []


def test_commands_of_ours_are_there() -> None:
    commands = set(re.findall(r"manage\.py (\w+)", PAGE))
    assert {"load_shipping_rates", "import_products", "createsuperuser"} <= commands
    assert commands <= set(get_commands())


@pytest.mark.parametrize("block", [block for _indent, block in BLOCKS])
def test_each_block_is_a_shells(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_parameters_are_those_of_the_stacks_and_none_is_forgotten() -> None:
    known = template("shop.yaml")["Parameters"] | template("foundation.yaml")["Parameters"]
    given = set(re.findall(r"(?<![\w$])([A-Z][a-z]\w*)=(?!=)", TYPED))
    assert given <= set(known)
    assert {name for name, facts in known.items() if "Default" not in facts} <= given


@pytest.mark.parametrize(("stack", "name"), [("esteira", "shop.yaml"), ("esteira-foundation", "foundation.yaml")])
def test_outputs_are_those_of_the_stacks(stack: str, name: str) -> None:
    asked = set(re.findall(rf"\boutput {stack} (\w+)", TYPED))
    assert asked
    assert asked <= set(template(name)["Outputs"])


def test_parts_are_those_of_the_stack() -> None:
    asked = set(re.findall(r"\bpart (\w+)", TYPED))
    assert len(asked) > 5
    assert asked <= set(template("shop.yaml")["Resources"])


def test_every_variable_of_the_pipeline_is_named() -> None:
    wanted = set(re.findall(r"vars\.(\w+)", (REPOSITORY / ".github" / "workflows" / "deploy.yml").read_text()))
    assert {name for name in wanted if f"`{name}`" not in PAGE} == set()


def test_aws_knows_what_it_is_asked() -> None:
    calls = [words for text in (TYPED, *(script.read_text() for script in SCRIPTS)) for words in calls_of_aws(text)]
    assert len(calls) > 30
    assert ["ecs", "wait", "services-stable"] in [words[:3] for words in calls]
    command = [REPOSITORY / ".tools" / "bin" / "python", "tests/deploy/aws_calls.py"]
    done = subprocess.run(command, cwd=REPOSITORY, input=json.dumps(calls), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def calls_of_aws(shell: str) -> list[list[str]]:
    """The words behind each `aws` in a text of bash; strings and what is put in for `$(…)` are one word each."""
    text = re.sub(r"(^|\s)#.*$", "", shell.replace("\\\n", " "), flags=re.MULTILINE)
    text = re.sub(r"'[^']*'", "STRING", text, flags=re.DOTALL)
    pieces = []
    while inner := re.search(r"\$\(([^()]*)\)", text):
        pieces.append(inner[1])
        text = f"{text[: inner.start()]}INNER{text[inner.end() :]}"
    commands = [command for piece in (text, *pieces) for command in re.split(r"[;|&\n]+|(?<!\S)[{(!](?!\S)", piece)]
    found = [re.search(r"(?:^|\s|=)aws (.*)", command) for command in commands]
    return [shlex.split(call[1].replace('"', " ")) for call in found if call]
