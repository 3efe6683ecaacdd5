"""An account for whoever reads the mail of an address: asked for on the page, opened by a mailed link.

The page does and says the same whether or not there is such an account. A worker finds out, and the mail tells the
owner.
"""

import secrets
from uuid import UUID

from django.db import transaction

from config.accounts import emails, services
from config.accounts.exceptions import LinkNotValid
from config.accounts.models import SignUp, User, digest_of


def ask(email: str, language: str) -> UUID:
    """Write the wish down. Have `send` called with what is returned."""
    return SignUp.objects.ask(email, language).pk


def send(wish_id: UUID) -> None:
    """Mail the link, or that there is an account already. Each call mails a link of its own: the last one works.

    Does nothing for an account that was closed. Raises what the mail server raises; then call it again.
    """
    wish = SignUp.objects.filter(pk=wish_id).first()
    if wish is None:
        return
    owner = User.objects.filter(email=wish.email).first()
    if owner is None:
        key = secrets.token_urlsafe(32)
        SignUp.objects.filter(pk=wish.pk).update(digest=digest_of(key))
        emails.send_sign_up(wish, key)
        return
    if owner.is_active:
        emails.send_already_known(owner, wish.language)
    wish.delete()


def address_of(key: str) -> str:
    """The address to which this link was mailed. Opening it uses nothing up. Raises LinkNotValid."""
    wish = SignUp.objects.opened_by(key).first()
    if wish is None:
        raise LinkNotValid
    return wish.email


def finish(key: str, password: str, full_name: str) -> User:
    """Open the account, whose address is proven by the link, which ends. The caller has validated the password.

    Raises LinkNotValid, and EmailTaken if an app was quicker.
    """
    with transaction.atomic():
        wish = SignUp.objects.opened_by(key).select_for_update().first()
        if wish is None:
            raise LinkNotValid
        user = services.sign_up(wish.email, password, full_name)
        services.prove_address(user)
        wish.delete()
    return user
