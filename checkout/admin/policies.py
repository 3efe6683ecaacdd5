"""The shop's texts on privacy, sale and exchange. The audit log keeps each version of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout.models import Policy, PolicyPage
from checkout.policies import first_version
from config.backoffice.base import Audited, moment


class PolicyForm(forms.ModelForm[Policy]):
    """Opens with what the page says now: the first version while the shop has no text of its own."""

    class Meta:
        model = Policy
        fields = ("text",)
        widgets = {"text": forms.Textarea(attrs={"rows": 40, "class": "vLargeTextField"})}
        help_texts = {
            "text": _(
                "Markdown: ## heading, **bold**, - list, [link](https://…). {seller} stands for who sells, {shop} for "
                "the shop's name, {email} for its address, {kept} for what is kept for how long. Empty it to go back "
                "to the first version."
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.text:
            self.initial["text"] = first_version(self.instance.page, self.instance.language)


@admin.register(Policy)
class PolicyAdmin(Audited[Policy]):
    form = PolicyForm
    list_display = ("page", "language", "version", "shown_at")
    fields = ("page", "language", "text", "version", "shown_at")
    readonly_fields = ("page", "language", "version", "shown_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        """Without pages that another release has."""
        return super().get_queryset(request).filter(page__in=PolicyPage.values)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is a row for each page in each language."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False

    @admin.display(description=_("version"))
    def version(self, policy: Policy) -> str:
        return moment(policy.updated_at) if policy.text else str(_("the first version"))

    @admin.display(description=_("address"))
    def shown_at(self, policy: Policy) -> SafeString:
        address = reverse(policy.page)
        return format_html('<a href="{}">{}</a>', address, address)
