"""The demo's staff: one who may do everything, and one of each role, all with the same password."""

from django.contrib.auth.models import Group
from django.db import transaction

from config.accounts.models import User
from config.accounts.roles import ROLES

ADMIN = "admin@esteira.example"


def address_of(role: str) -> str:
    """The address of the demo's staff user who has just this role."""
    return f"{role}@{ADMIN.partition('@')[2]}"


@transaction.atomic
def create_demo_staff(password: str) -> bool:
    """Make them where they are not there yet; whether they are new. Those that are there keep their passwords."""
    if User.objects.filter(email=ADMIN).exists():
        return False
    admin = User.objects.create_superuser(email=ADMIN, password=password)
    for group in Group.objects.filter(name__in=ROLES):
        # The same password, hashed once: that takes longer than all the rest.
        clerk = User.objects.create(email=address_of(group.name), password=admin.password, is_staff=True)
        clerk.groups.add(group)
    return True
