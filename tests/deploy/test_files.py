"""The deployment files match the code: every variable, path, command and target exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.apps import apps
from django.db import connection
from django_redis import get_redis_connection

from tests.cluster import configuration
from tests.support.image import COMPOSE, REPOSITORY, compose

AWS = REPOSITORY / "deploy" / "aws"
# Read by libpq, not by the shop; the sandbox reads its own in payments/sandbox.
READ_BY_OTHERS = {"PGPASSWORD"}
OURS = [name for name, service in compose()["services"].items() if "build" in service]


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's tags, each as {"tag": value}."""


def _tagged(loader: Template, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


Template.add_multi_constructor("!", _tagged)


def template(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load((AWS / name).read_text(), Template)
    return document


def code_files() -> Iterator[Path]:
    """The shop's own Python files."""
    for app in apps.get_app_configs():
        if is_ours(Path(app.path)):
            yield from Path(app.path).rglob("*.py")


def known_variables() -> set[str]:
    """Every variable that the shop's code reads."""
    read = re.compile(r"""(?:env\.\w+|environ\.get|getenv)\(\s*f?"(\w+)"|environ\["(\w+)"\]""")
    return {first or second for file in code_files() for first, second in read.findall(file.read_text())}


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template("shop.yaml")["Resources"].items():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            for container in resource["Properties"]["ContainerDefinitions"]:
                if container["Name"] == "shop":
                    yield name, container


def entries(container: dict[str, Any]) -> list[str]:
    """The names of a container's variables, including conditional ones."""
    listed = container["Environment"] + container["Secrets"]
    return [entry["Name"] if "Name" in entry else entry["If"][1]["Name"] for entry in listed]


@pytest.mark.parametrize("service", OURS)
def test_compose_sets_only_variables_that_are_read(service: str) -> None:
    given = compose()["services"][service].get("environment", {})
    assert set(given) <= known_variables() | READ_BY_OTHERS


def test_composes_web_points_to_the_other_services() -> None:
    """Each host in its environment is a service of the stack, by name or network alias."""
    services = compose()["services"]
    there = {"127.0.0.1", *services}
    for service in services.values():
        networks = service.get("networks")
        there |= set(networks["default"]["aliases"]) if networks else set()
    given = services["web"]["environment"]
    addresses = [urlsplit(value) for name, value in given.items() if "://" in value]
    assert {address.hostname for address in addresses} <= there
    assert urlsplit(given["ALERTMANAGER_URL"]).port == 9093


@pytest.mark.parametrize("service", OURS)
def test_composes_containers_are_locked_down(service: str) -> None:
    facts = compose()["services"][service]
    assert facts["read_only"] is True
    assert facts["cap_drop"] == ["ALL"]
    assert facts["security_opt"] == ["no-new-privileges:true"]


def test_composes_paths_exist() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), f"{name}: {source}"
            else:
                assert source in compose()["volumes"], f"{name}: {source}"


def test_composes_configurations_are_used_and_readable() -> None:
    used = {entry["source"] for service in compose()["services"].values() for entry in service.get("configs", [])}
    assert used == set(compose()["configs"])
    for config in compose()["configs"].values():
        assert isinstance(yaml.safe_load(config["content"]), dict)


def test_composes_ports_are_bound_to_the_loopback() -> None:
    for name, service in compose()["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


@pytest.mark.parametrize("service", [name for name in OURS if "command" in compose()["services"][name]])
def test_composes_commands_exist(service: str) -> None:
    assert_runs(compose()["services"][service]["command"])


def assert_runs(command: list[str]) -> None:
    if command[0] == "celery":
        assert command[1:3] == ["-A", "config"]
        assert command[3] in ("worker", "beat")
    elif command[1] == "-m":
        assert (REPOSITORY / command[2].replace(".", "/") / "__main__.py").exists()
    else:
        assert (REPOSITORY / command[1]).exists()
        assert command[2] == "migrate"


@pytest.mark.parametrize(("name", "container"), list(containers()))
def test_aws_tasks_set_only_variables_that_are_read_and_run_what_compose_runs(
    name: str, container: dict[str, Any]
) -> None:
    assert set(entries(container)) <= known_variables() | READ_BY_OTHERS
    service = name.removesuffix("Task").lower()
    assert container.get("Command") == compose()["services"][service].get("command")
    assert container["ReadonlyRootFilesystem"] is True


def test_aws_tasks_get_every_secret_that_the_shop_needs() -> None:
    for _name, container in containers():
        wanted = {"SECRET_KEY", "PGPASSWORD", "REDIS_URL", "CELERY_BROKER_URL", "STRIPE_SECRET_KEY", "DATABASE_URL"}
        assert wanted <= set(entries(container))


def test_aws_alarms_match_prometheus() -> None:
    local = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "alerts.yml").read_text())
    there = yaml.safe_load(template("shop.yaml")["Resources"]["MetricsRules"]["Properties"]["Data"])
    alarms = alerts(there)
    assert len(alarms) == 3
    assert alarms == {name: rule for name, rule in alerts(local).items() if name in alarms}


def alerts(rules: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: (rule["expr"].strip(), rule.get("for", "")) for rule in found}


def test_the_front_of_aws_is_configured_as_anywhere() -> None:
    task = template("shop.yaml")["Resources"]["WebTask"]["Properties"]["ContainerDefinitions"]
    front = next(container for container in task if container["Name"] == "front")
    there = {entry["Name"]: entry["Value"] for entry in front["Environment"]}
    given = configuration.front(LISTEN="8080", SHOP="127.0.0.1:8000", BALANCER="10.20.0.0/16", FOLDER="/tmp")
    assert meaning(there["NGINX_CONF"]) == meaning(given)
    assert template("shop.yaml")["Resources"]["Network"]["Properties"]["CidrBlock"] == "10.20.0.0/16"


def meaning(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_composes_front_gets_every_value_that_its_configuration_wants() -> None:
    given = compose()["services"]["front"]["environment"]
    wanted = set(re.findall(r"\$\{([A-Z]+)\}", configuration.FRONT.read_text()))
    # Others' variables are not replaced: the start script takes every one that is set.
    assert wanted <= set(given)
    configuration.front(**{name: given[name] for name in wanted})


def test_the_stack_is_small_enough_to_be_sent_without_a_bucket() -> None:
    assert (AWS / "shop.yaml").stat().st_size < 51_200


def test_postgresql_and_valkey_are_of_one_version_everywhere(db: None) -> None:
    """In the tests and the demo, in compose, and in AWS."""
    resources, services = template("shop.yaml")["Resources"], compose()["services"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        postgresql = str(int(cursor.fetchone()[0]) // 10_000)
    valkey = get_redis_connection("default").info("server")["valkey_version"].split(".")[0]
    assert services["postgres"]["image"].split(":")[1].split("-")[0] == postgresql
    assert services["valkey"]["image"].split(":")[1].split("-")[0] == valkey
    assert resources["Database"]["Properties"]["EngineVersion"].split(".")[0] == postgresql
    assert resources["DatabaseSettings"]["Properties"]["Family"] == f"postgres{postgresql}"
    assert resources["Cache"]["Properties"]["EngineVersion"].split(".")[0] == valkey
    assert resources["CacheSettings"]["Properties"]["CacheParameterGroupFamily"] == f"valkey{valkey}"


@pytest.mark.parametrize("size", ["small", "medium", "flash-sale"])
def test_sizes_are_parameters_and_fit_fargate(size: str) -> None:
    given = json.loads((AWS / "sizes" / f"{size}.json").read_text())
    assert set(given) <= set(template("shop.yaml")["Parameters"])
    assert 2 <= given["WebMemory"] / given["WebCpu"] <= 8
    assert given["WebCpu"] in (256, 512, 1024, 2048, 4096)
    assert 2 <= given["WebMin"] <= given["WebMax"]
    assert 1 <= given["WorkerMin"] <= given["WorkerMax"]


def test_workflows_are_pinned_and_call_existing_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for workflow in (REPOSITORY / ".github" / "workflows").glob("*.yml"):
        text = workflow.read_text()
        assert set(re.findall(r"run: make ([a-z-]+)", text)) <= targets
        for used in re.findall(r"uses: (\S+)", text):
            assert used.startswith("./") or re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", used), used
        for path in re.findall(r"deploy/[\w./-]+", text):
            assert (REPOSITORY / path).exists(), path


def test_the_image_copies_every_file_it_needs() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE))
    ours = {
        Path(app.path).relative_to(REPOSITORY).parts[0] for app in apps.get_app_configs() if is_ours(Path(app.path))
    }
    assert copied == ours
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert copied <= {line.removeprefix("!") for line in ignored if line.startswith("!")}


def is_ours(path: Path) -> bool:
    return REPOSITORY in path.parents and ".venv" not in path.parts
