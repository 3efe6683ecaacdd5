"""What the shop says of privacy, sale and exchange, in each language."""

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

MAX_TEXT_LENGTH = 30_000


class PolicyPage(models.TextChoices):
    """The pages; a value is also the page's path and the name of its URL."""

    PRIVACY = "privacy", _("Privacy")
    TERMS = "terms", _("Terms of sale")
    EXCHANGE = "exchange", _("Exchange and return")


class Policy(models.Model):
    """One page in one language. Without a text of the shop's own, the page shows the first version that ships."""

    page = models.CharField(_("page"), max_length=20, choices=PolicyPage.choices)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    text = models.TextField(_("text"), blank=True, validators=[MaxLengthValidator(MAX_TEXT_LENGTH)])
    updated_at = models.DateTimeField(_("last changed"), auto_now=True, db_default=Now())

    class Meta:
        verbose_name = _("text of the shop")
        verbose_name_plural = _("texts of the shop")
        ordering = ["page", "language"]
        default_permissions = ("view", "change")
        constraints = [models.UniqueConstraint(fields=["page", "language"], name="policy_one_per_page_and_language")]

    def __str__(self) -> str:
        return f"{self.get_page_display()} ({self.get_language_display()})"
