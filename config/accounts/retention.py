"""How long sessions, the tokens of apps and unanswered sign-ups are kept."""

from datetime import datetime

from django.contrib.sessions.models import Session
from django.utils.translation import gettext_lazy as _

from config.accounts import tokens
from config.accounts.models import ApiToken, SignUp
from config.retention.rules import RetentionRule, Rows


def _expired(before: datetime) -> Rows:
    return Session.objects.filter(expire_date__lt=before).order_by("expire_date")


SESSIONS = RetentionRule(
    name="sessions",
    what=_("Sessions, after they have expired"),
    effect=_("deleted for good"),
    why=_("They open nothing any more (LGPD 15, 16)."),
    due=_expired,
    at_most=365,
)


def _ended(before: datetime) -> Rows:
    return ApiToken.objects.filter(expires_at__lt=before).order_by("expires_at")


TOKENS = RetentionRule(
    name="api_tokens",
    what=_("Apps that were signed in, after their tokens have ended"),
    effect=_("deleted for good"),
    why=_("They open nothing any more (LGPD 15, 16)."),
    due=_ended,
    remove=tokens.forget,
    at_most=365,
)


def _unused(before: datetime) -> Rows:
    return SignUp.objects.filter(asked_at__lt=before).order_by("asked_at")


SIGN_UPS = RetentionRule(
    name="sign_ups",
    what=_("Addresses with which someone wanted an account, and whose mailed link nobody has used"),
    effect=_("deleted for good"),
    why=_("The link works for three days (LGPD 15)."),
    due=_unused,
    at_least=3,
    at_most=30,
)
