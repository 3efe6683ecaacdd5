"""Users who can sign in."""

import factory
from factory.django import DjangoModelFactory

from config.accounts.models import User

PASSWORD = "quatro-palavras-bem-longas"


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"pessoa{n}@example.com")
    full_name = "Ana Souza"
    password = factory.django.Password(PASSWORD)
