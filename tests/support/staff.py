"""Staff users and their clients: the fixtures `boss` and `desk`."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from config.accounts.models import User


def client_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def staff_with(*permissions: str) -> Client:
    """A staff user with just these permissions: `staff_with("checkout.view_order")`."""
    user = User.objects.create(email=f"{'+'.join(permissions)}@example.com", is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return client_of(user)


@pytest.fixture
def boss() -> User:
    """A superuser, without a password: hashing one takes longer than the tests."""
    return User.objects.create(email="chefe@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(boss: User) -> Client:
    """Signed in as the superuser, in English."""
    return client_of(boss)
