"""The demo's staff: a superuser and one user per role, all with the same password."""

from django.contrib.auth.models import Group
from django.db import transaction

from config.accounts.models import User
from config.accounts.roles import ROLES

ADMIN = "admin@esteira.example"


def address_of(role: str) -> str:
    """The e-mail of the demo's staff user with only this role."""
    return f"{role}@{ADMIN.partition('@')[2]}"


@transaction.atomic
def create_demo_staff(password: str) -> bool:
    """Create them unless they exist; returns whether it did. Existing users keep their passwords."""
    if User.objects.filter(email=ADMIN).exists():
        return False
    admin = User.objects.create_superuser(email=ADMIN, password=password)
    for group in Group.objects.filter(name__in=ROLES):
        # The same hash for all: hashing takes longer than everything else here.
        clerk = User.objects.create(email=address_of(group.name), password=admin.password, is_staff=True)
        clerk.groups.add(group)
    return True
