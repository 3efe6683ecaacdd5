"""Creates, updates and deletes a stack on a moto server: `.tools/bin/python stack_smoke.py URL TEMPLATE PARAMETERS`.

Prints one JSON document: each step's outcome, the resources that existed, by type, and the outputs. moto skips many
things and gets others wrong (TOO_MUCH_FOR_MOTO, and the docstring of test_stack.py), so this is only a smoke test.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

# Template lines that moto's CloudFormation does not support, and their replacements.
TOO_MUCH_FOR_MOTO = {
    "      DBParameterGroupName: !Ref DatabaseSettings\n": "",  # moto uses the group itself as its name
    "!GetAtt Metrics.Arn": "arn:aws:aps:sa-east-1:1:workspace/x",
    "${Metrics.PrometheusEndpoint}": "https://aps.example/",
    "${DatabaseProxy.Endpoint}": "proxy.example",
    "${Database.Endpoint.Address}": "database.example",
    "!GetAtt Cache.PrimaryEndPoint.Address": "cache.example",
    "${Assets.DomainName}": "assets.example",
    "!GetAtt Pictures.RegionalDomainName": "pictures.example",
}


def main(url: str, template: str, parameters: str) -> None:
    def client(service):
        return boto3.client(
            service, endpoint_url=url, region_name="sa-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )

    body = Path(template).read_text()
    for text, stand_in in TOO_MUCH_FOR_MOTO.items():
        assert text in body or "AWS::EC2::VPC" not in body, text
        body = body.replace(text, stand_in)
    stacks, ecs = client("cloudformation"), client("ecs")
    zone = client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    certificate = client("acm").request_certificate(DomainName="loja.example.com")["CertificateArn"]
    made = {"HostedZoneId": zone.removeprefix("/hostedzone/"), "CertificateArn": certificate}
    given = {name: made.get(value, value) for name, value in json.loads(parameters).items()}

    def arguments(**changes):
        facts = {**given, **changes}
        return {
            "StackName": "esteira",
            "TemplateBody": body,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in facts.items()],
        }

    def standing():
        found = stacks.describe_stack_resources(StackName="esteira")["StackResources"]
        return dict(Counter(resource.get("ResourceType", "") for resource in found))

    stacks.create_stack(**arguments())
    created = stacks.describe_stacks(StackName="esteira")["Stacks"][0]
    result = {"created": created["StackStatus"], "resources": standing()}
    result["outputs"] = {entry["OutputKey"]: entry["OutputValue"] for entry in created.get("Outputs", [])}
    stacks.update_stack(**arguments(**{sorted(given)[0]: f"{given[sorted(given)[0]]}x"}))
    result["updated"] = stacks.describe_stacks(StackName="esteira")["Stacks"][0]["StackStatus"]
    result["families"] = ecs.list_task_definition_families()["families"]
    try:
        stacks.delete_stack(StackName="esteira")
    except ClientError as error:
        result["not_deleted"] = error.response["Error"]["Code"]
    result["left"] = [
        stack["StackName"] for stack in stacks.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
    ]
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
