"""Staff roles. The code is authoritative: after each migration the groups match what the apps grant.

Each app grants its own permissions to roles in its `ready`: one permission per action instead of Django's broad
"change", so that resending a mail does not require the right to move money. Staff may be in several groups; for another
mix, create a group with another name, which is left untouched. Dropping a cache name and closing a breaker are granted
to no role: they are for operators.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission

# Permissions ("app.codename") by role, in the order in which roles are first granted any.
ROLES: dict[str, set[str]] = {}


def grant(permissions: Mapping[str, Iterable[str]]) -> None:
    """Grant an app's permissions to roles, which need not exist yet. Called in its `ready`, before any migration."""
    for role, granted in permissions.items():
        ROLES.setdefault(role, set()).update(granted)


def keep_roles(**_signal: Any) -> None:
    """Receiver, after the last app's migrations: creates the groups or resets their permissions. Idempotent.

    While migrating to an older state some permissions may not exist; a test checks that in the end all do.
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
