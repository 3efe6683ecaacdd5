"""The AWS templates on a moto server: a smoke test, cfn-lint looks closer (make check).

moto ignores RDS Proxy's endpoint, ElastiCache, CloudFront, Prometheus, secrets and scaling; it runs no task, checks no
permission, and cannot delete a VPC with routes, so only the small stack is deleted. What it supports must be created
without errors: network, groups, load balancer, roles, cluster, task definitions, services, database, bucket.
"""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.devstack import ports
from tests.support.image import REPOSITORY, running

TOOLS = REPOSITORY / ".tools" / "bin"
GIVEN = {
    "Image": "1.dkr.ecr.sa-east-1.amazonaws.com/esteira/shop:1",
    "DomainName": "loja.example.com",
    "MailUrlSecretArn": "arn:aws:secretsmanager:sa-east-1:123456789012:secret:mail-a",
    "MailFrom": "Loja <pedidos@loja.example.com>",
    "ShippingFrom": "50000000",
    "StripeSecretArn": "arn:aws:secretsmanager:sa-east-1:123456789012:secret:stripe-a",
    "HostedZoneId": "HostedZoneId",  # made by the smoke test
    "CertificateArn": "CertificateArn",
    "AlarmMail": "on-call@example.com",
}


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[str]:
    if not (TOOLS / "moto_server").exists():
        pytest.fail("The tools that look over the deployment are missing; `make test` installs them.", pytrace=False)
    port = ports.choose()
    url = f"http://127.0.0.1:{port}"
    command = [str(TOOLS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running(command, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, tmp_path / "moto.log"):
        for _try in range(300):
            try:
                urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield url


def smoke(moto: str, template: str, given: dict[str, object]) -> dict[str, Any]:
    command = [str(TOOLS / "python"), "tests/deploy/stack_smoke.py", moto, f"deploy/aws/{template}", json.dumps(given)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    assert (report["created"], report["updated"]) == ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return report


def test_foundation_is_created_updated_and_deleted(moto: str) -> None:
    report = smoke(moto, "foundation.yaml", {"GitHubRepository": "owner/shop"})
    assert report["outputs"]["Repository"].endswith("esteira/shop")
    assert report["left"] == []


def test_shop_is_created_and_updated(moto: str) -> None:
    given = GIVEN | json.loads((REPOSITORY / "deploy" / "aws" / "sizes" / "flash-sale.json").read_text())
    report = smoke(moto, "shop.yaml", given)
    assert report["outputs"]["WebhookAddress"] == "https://loja.example.com/webhooks/stripe/"
    assert sorted(report["families"]) == [f"esteira-{name}" for name in ("beat", "migrate", "web", "worker")]
    expected = {
        "AWS::EC2::Subnet": 4,
        "AWS::EC2::SecurityGroup": 5,
        "AWS::ECS::Service": 3,
        "AWS::ElasticLoadBalancingV2::Listener": 2,
        "AWS::IAM::Role": 3,
        "AWS::RDS::DBInstance": 1,
    }
    assert {name: report["resources"].get(name) for name in expected} == expected
