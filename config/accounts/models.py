"""The user, identified by e-mail address, and the tokens of their apps."""

import hashlib
import uuid
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new user whose address is stored in lower case, since people type it either way."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").strip().lower())


class User(AbstractUser):
    """`email` is the name to sign in with; `full_name` is the name on the parcel."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail"), unique=True)
    full_name = models.CharField(_("full name"), max_length=120, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_once_whatever_its_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.full_name or self.email

    # Set on a user from the cache, who has no password hash to derive it from.
    session_hash: str | None = None

    def get_session_auth_hash(self) -> str:
        return self.session_hash or super().get_session_auth_hash()

    def set_password(self, raw_password: str | None) -> None:
        self.session_hash = None
        super().set_password(raw_password)

    def check_password(self, raw_password: str | None) -> bool:
        """As Django's, which may hash the right password anew: tokens are tied to the new hash then."""
        before = self.password
        matches = super().check_password(raw_password)
        if self.password != before:
            upgraded = ApiToken.objects.filter(user=self, password_digest=digest_of(before))
            upgraded.update(password_digest=digest_of(self.password))
        return matches

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] if self.full_name else self.email


# A token ends this long after its last use.
TOKEN_LIFE = timedelta(days=90)
# A use within this time of the one before is not written down: reading must not write each time.
TOKEN_USE_STEP = timedelta(hours=1)


def digest_of(secret: str) -> str:
    """What the database keeps of a key, which is random: a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def in_use(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def of(self, user: User) -> Self:
        """Those that open this account, the one used last first."""
        return self.in_use().filter(user=user, password_digest=digest_of(user.password)).order_by("-used_at", "id")

    def with_key(self, key: str) -> "ApiToken | None":
        """The token with this key and its user, in one statement; None if it has ended.

        A server of the release before revokes a token that was taken over by deleting its row in clear text.
        """
        not_revoked = models.Q(in_clear_too=False) | models.Q(user__auth_token__key=key)
        return self.in_use().select_related("user").filter(not_revoked, digest=digest_of(key)).first()

    def keep(self, user: User, key: str, **fields: Any) -> "ApiToken":
        """The token with this key, a new one unless there is one. The key itself is kept nowhere."""
        now = timezone.now()
        fields |= {"user": user, "password_digest": digest_of(user.password)}
        fields |= {"used_at": now, "expires_at": now + TOKEN_LIFE}
        token, _created = self.get_or_create(digest=digest_of(key), defaults=fields)
        return token

    def renew(self, token: "ApiToken") -> None:
        """Write its use down. A token that was revoked meanwhile stays so."""
        now = timezone.now()
        self.filter(pk=token.pk).update(used_at=now, expires_at=now + TOKEN_LIFE)


class ApiToken(models.Model):
    """What an app on one device signs in with. Ends when it is revoked, not used for long, or the password changes.

    `password_digest` ties it to the password under which it was issued, whoever changes that, and by whichever way.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=80, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    password_digest = models.CharField(max_length=64)
    # Taken over from the table of tokens in clear text, where its key still stands for the release before.
    in_clear_too = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"))
    expires_at = models.DateTimeField(_("ends"), db_index=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def opens(self) -> bool:
        """Whether the account may still be used with it."""
        in_time = self.expires_at > timezone.now()
        return in_time and self.user.is_active and self.password_digest == digest_of(self.user.password)

    @property
    def is_renewal_due(self) -> bool:
        return timezone.now() - self.used_at >= TOKEN_USE_STEP


# How long the link works that is mailed to whoever wants an account.
SIGN_UP_LIFE = timedelta(days=3)


class SignUpQuerySet(models.QuerySet["SignUp"]):
    def ask(self, email: str, language: str) -> "SignUp":
        """The wish for an account with this address, whether or not there is one; an earlier link goes on working."""
        now = {"language": language, "asked_at": timezone.now()}
        wish, _created = self.update_or_create(email=email.strip().lower(), defaults=now)
        return wish

    def opened_by(self, key: str) -> Self:
        """The wish whose mailed link has this key, while the link works."""
        return self.filter(digest=digest_of(key), asked_at__gt=timezone.now() - SIGN_UP_LIFE)


class SignUp(models.Model):
    """A wish for an account, typed with an address; whoever has the link that is mailed there reads its mail.

    There is no account before the link was opened, so nobody can choose the password of somebody else's, and pages
    need not know who has one. Only the link's digest is stored.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    language = models.CharField(_("language"), max_length=10)
    asked_at = models.DateTimeField(_("asked at"), db_index=True)
    digest = models.CharField(max_length=64, blank=True, default="", db_default="")

    objects = SignUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-up")
        verbose_name_plural = _("sign-ups")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["digest"], condition=~models.Q(digest=""), name="accounts_sign_up_of_link"),
        ]

    def __str__(self) -> str:
        return str(self.id)
