"""Staff at their desk: whoever asks for `boss` or `desk`."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from config.accounts.models import User


def client_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def staff_with(*permissions: str) -> Client:
    """Somebody on the staff who may do just this: `staff_with("checkout.view_order")`."""
    user = User.objects.create(email=f"{'+'.join(permissions)}@example.com", is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return client_of(user)


@pytest.fixture
def boss() -> User:
    """Without a password, whose hashing takes longer than the tests."""
    return User.objects.create(email="chefe@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(boss: User) -> Client:
    """Signed in as somebody who may do everything, in English."""
    return client_of(boss)
