"""The account forms. A password is typed once; the page can reveal it."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.accounts import services
from config.accounts.exceptions import WrongCredentials
from config.accounts.models import User
from config.form_fields import one_line

MAX_PASSWORD_LENGTH = 256


def _email(autocomplete: str) -> forms.EmailField:
    return forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": autocomplete, "inputmode": "email", "autocapitalize": "none"}),
        error_messages={
            "required": _("Enter your e-mail."),
            "invalid": _("This is not an e-mail address yet. It looks like name@example.com."),
        },
    )


def _password(autocomplete: str, **options: Any) -> forms.CharField:
    return forms.CharField(
        max_length=MAX_PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        error_messages={"required": _("Enter a password.")},
        **{"label": _("Password"), **options},
    )


class SignUpForm(forms.Form):
    """The first step, which must tell nobody whether there is such an account."""

    email = _email("email")


class FinishSignUpForm(forms.Form):
    """The second, for whoever was mailed the link to `email`."""

    full_name = forms.CharField(
        label=_("Full name"),
        max_length=120,
        validators=[one_line],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your name as it should appear on the parcel.")},
    )
    password = _password("new-password", help_text=_("At least 8 characters, and not easy to guess."))

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def clean(self) -> None:
        password = self.cleaned_data.get("password")
        if password:
            try:
                services.check_password(password, self.email, self.cleaned_data.get("full_name", ""))
            except ValidationError as weak:
                self.add_error("password", weak)


class SignInForm(forms.Form):
    email = _email("username")
    password = _password("current-password")
    remember = forms.BooleanField(label=_("Keep me signed in on this device"), required=False, initial=True)

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        self.request = request
        self.user: User | None = None
        super().__init__(*args, **kwargs)

    def clean(self) -> None:
        email, password = self.cleaned_data.get("email"), self.cleaned_data.get("password")
        if not email or not password:
            return
        try:
            self.user = services.check_credentials(self.request, email, password)
        except WrongCredentials as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from None

    def get_user(self) -> User | None:
        return self.user


class PasswordResetForm(forms.Form):
    email = _email("username")


class NewPasswordForm(forms.Form):
    """A new password for `user`, who followed the link in the e-mail."""

    password = _password("new-password", help_text=_("At least 8 characters, and not easy to guess."))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        services.check_password(password, self.user.email, self.user.full_name)
        return password

    def save(self) -> User:
        services.reset_password(self.user, self.cleaned_data["password"])
        return self.user


class ChangePasswordForm(allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    """A new password for whoever knows the old one; wrong ones are counted as at sign-in. Raises RateLimited."""

    oldpassword = _password("current-password", label=_("Current password"))
    password1 = _password(
        "new-password", label=_("New password"), help_text=_("At least 8 characters, and not easy to guess.")
    )
    password2 = None

    def clean_oldpassword(self) -> str:
        password = str(self.cleaned_data["oldpassword"])
        try:
            services.check_credentials(context.request, self.user.email, password)
        except WrongCredentials:
            raise ValidationError(_("This is not your current password."), code="wrong") from None
        return password

    def clean_password1(self) -> str:
        password = str(self.cleaned_data["password1"])
        services.check_password(password, self.user.email, self.user.full_name)
        return password
