"""What a person wishes for, and for which address."""

from django import forms
from django.utils.translation import gettext_lazy as _

from config.personal_data.models import Wish


class AskForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email", "autocapitalize": "none"}),
        error_messages={
            "required": _("Enter your e-mail."),
            "invalid": _("This is not an e-mail address yet. It looks like name@example.com."),
        },
    )
    wish = forms.ChoiceField(
        label=_("What would you like?"),
        choices=[
            (Wish.COPY.value, _("A copy of all that the shop knows of me")),
            (Wish.ERASE.value, _("To have my data erased")),
        ],
        widget=forms.RadioSelect,
        initial=Wish.COPY.value,
        error_messages={"required": _("Choose one."), "invalid_choice": _("Choose one.")},
    )
