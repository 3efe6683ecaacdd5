"""Users who can sign in, and the tokens of their apps."""

import secrets
from functools import cache

import factory
from django.contrib.auth.hashers import get_hasher, make_password
from factory.django import DjangoModelFactory

from config.accounts.models import ApiToken, User

PASSWORD = "quatro-palavras-bem-longas"


@cache
def _hashed(algorithm: str) -> str:
    """Hashed once: it takes as long as a whole test."""
    return make_password(PASSWORD, hasher=algorithm)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"pessoa{n}@example.com")
    full_name = "Ana Souza"
    password = factory.LazyFunction(lambda: _hashed(get_hasher().algorithm))


def token_for(user: User) -> str:
    """The key of a new token, as an app has it."""
    key = secrets.token_hex(20)
    ApiToken.objects.keep(user, key)
    return key
