"""What each kind of staff may do. The code decides: after each migration the groups are as the apps grant them.

Each app grants its own permissions to the roles, in its `ready`: a permission of its own for each verb, never the blunt
"change", so who may send a mail again need not move money. Staff may be in several groups; whoever needs another
mixture makes a group of another name, which is left alone. Dropping a name of the cache and closing a breaker are
granted to none: they are for whoever runs the machines.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission

# Permissions ("app.codename") by role, in the order in which the roles were first named.
ROLES: dict[str, set[str]] = {}


def grant(permissions: Mapping[str, Iterable[str]]) -> None:
    """Give roles, which need not exist yet, permissions of an app. Called by its `ready`, before any migration."""
    for role, granted in permissions.items():
        ROLES.setdefault(role, set()).update(granted)


def keep_roles(**_signal: Any) -> None:
    """Receiver, after the last app's migrations: makes the groups, or brings them back in step. Safe to repeat.

    On the way to an older state some permissions may not exist yet; a test sees to it that in the end all do.
    """
    permissions = {
        f"{app}.{name}": pk
        for pk, app, name in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    Group.objects.bulk_create([Group(name=name) for name in ROLES], ignore_conflicts=True)
    groups = Group.objects.filter(name__in=ROLES).values_list("name", "pk")
    wanted = {(group, permissions[each]) for name, group in groups for each in ROLES[name] if each in permissions}
    grants = Group.permissions.through.objects
    held = {
        (group, permission): pk
        for pk, group, permission in grants.filter(group__name__in=ROLES).values_list("pk", "group", "permission")
    }
    grants.filter(pk__in=[held[pair] for pair in held.keys() - wanted]).delete()
    grants.bulk_create([grants.model(group_id=group, permission_id=each) for group, each in wanted - held.keys()])
