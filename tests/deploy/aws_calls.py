"""Checks AWS CLI calls on standard input against botocore: `.tools/bin/python aws_calls.py`, a JSON list of words each.

Prints a line for each service, operation, waiter or option that does not exist. `aws` names them as botocore does; the
commands it adds (`s3 cp`, `cloudformation deploy`) are not checked.
"""

import json
import sys

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.session import Session

CLI_ONLY = {"s3", "configure", "sso"}
CUSTOM = {("cloudformation", "deploy"), ("ecr", "get-login-password"), ("logs", "tail")}
EVERYWHERE = {"query", "output", "region", "cli-input-json", "max-items"}


def unknown(session: Session, words: list[str]) -> str:
    service, operation = words[0], words[1]
    if service in CLI_ONLY or (service, operation) in CUSTOM:
        return ""
    try:
        model = session.get_service_model("s3" if service == "s3api" else service)
    except UnknownServiceError:
        return f"There is no service {service}."
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation == "wait":
        waiters = session.get_waiter_model(service)
        names = {xform_name(name, "-"): name for name in waiters.waiter_names}
        if words[2] not in names:
            return f"{service} has no waiter {words[2]}."
        operation = xform_name(waiters.get_waiter(names[words[2]]).operation, "-")
    if operation not in operations:
        return f"{service} has no operation {operation}."
    shape = model.operation_model(operations[operation]).input_shape
    given = {word[2:] for word in words if word.startswith("--")} - EVERYWHERE
    known = {xform_name(name, "-"): member.type_name for name, member in shape.members.items()} if shape else {}
    switches = {f"no-{name}" for name, kind in known.items() if kind == "boolean"}
    left = given - set(known) - switches
    return f"{service} {operation} has no option {', '.join(sorted(left))}." if left else ""


if __name__ == "__main__":
    for call in json.load(sys.stdin):
        if said := unknown(Session(), call):
            sys.stdout.write(f"{said}\n")
