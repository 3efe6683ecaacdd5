"""Sign-up, sign-in, sign-out, password reset by e-mail, and the devices that are signed in."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from allauth.account.models import EmailConfirmationHMAC
from allauth.account.views import ConfirmEmailView, PasswordChangeView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe
from django.views.generic import FormView, TemplateView, View

from config.accounts import services, sign_up, tasks, tokens
from config.accounts.exceptions import EmailTaken, LinkNotValid
from config.accounts.forms import FinishSignUpForm, NewPasswordForm, PasswordResetForm, SignInForm, SignUpForm
from config.accounts.models import User
from config.formats import duration
from config.rate_limits import RateLimited, enforce, may_be_mailed, requester

# Where the browser goes that opens the mailed link, if it is the one that asked for it.
AFTER_SIGN_UP = "after_sign_up"


class NextPage(auth_views.RedirectURLMixin):
    """Redirects to `next` if it is a page of this shop other than the sign-in, sign-up and sign-out pages."""

    request: HttpRequest

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        target = str(super().get_redirect_url())
        entrances = {reverse(f"accounts:{name}") for name in ("sign_in", "sign_up", "sign_out")}
        path = urlsplit(target).path
        # What is relative, "?" or "#" too, would lead to the page that redirects.
        return target if path.startswith("/") and path not in entrances else ""


class ThrottledPost(FormView[Any]):
    """A form that keeps what was typed, but for the password, when there were too many tries.

    `throttle_scope` is the limit of its verb, counted by client address; a verb that counts itself needs none.
    """

    throttle_scope = ""

    @method_decorator(sensitive_post_parameters("password"))
    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if self.throttle_scope:
                enforce(self.throttle_scope, requester(request))
            return super().post(request, *args, **kwargs)
        except RateLimited as refusal:
            return self._too_many(request, refusal)

    def _too_many(self, request: HttpRequest, refusal: RateLimited) -> HttpResponse:
        seconds = int(str(refusal.details["retry_after"]))
        messages.error(request, _("Too many tries. Wait %(time)s, then try again.") % {"time": duration(seconds)})
        # Unbound, so nothing is validated, but keeping what was typed; password fields are never filled in.
        form = self.get_form_class()(initial=request.POST.dict())
        response = self.render_to_response(self.get_context_data(form=form), status=429)
        response["Retry-After"] = str(seconds)
        return response


class SignIn(NextPage, ThrottledPost, auth_views.LoginView):
    template_name = "accounts/sign_in.html"
    form_class = SignInForm  # type: ignore[assignment]
    redirect_authenticated_user = True

    def form_valid(self, form: SignInForm) -> HttpResponse:
        response = super().form_valid(form)
        if not form.cleaned_data["remember"]:
            self.request.session.set_expiry(0)  # until the browser closes
        return response


class SignUp(NextPage, ThrottledPost):
    """Asks for an address, to which a link is mailed; the answer is the same whether or not it has an account."""

    template_name = "accounts/sign_up.html"
    form_class = SignUpForm
    next_page = settings.LOGIN_REDIRECT_URL
    throttle_scope = "sign_up"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {self.redirect_field_name: self.get_redirect_url()}

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        email = form.cleaned_data["email"]
        if target := self.get_redirect_url():
            self.request.session[AFTER_SIGN_UP] = target
        if may_be_mailed(email):
            tasks.send_sign_up_soon(sign_up.ask(email, get_language() or "pt-br"))
        return HttpResponseRedirect(reverse("accounts:sign_up_sent"))


class SignUpSent(TemplateView):
    template_name = "accounts/sign_up_sent.html"


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class FinishSignUp(FormView[FinishSignUpForm]):
    """Where the mailed link leads: the account is opened with a password, and its owner signed in."""

    template_name = "accounts/sign_up_finish.html"
    form_class = FinishSignUpForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.email = sign_up.address_of(self.kwargs["key"])
            return super().dispatch(request, *args, **kwargs)
        except LinkNotValid as refusal:
            return render(request, "accounts/sign_up_link_not_valid.html", status=refusal.status)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"email": self.email}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"email": self.email}

    def form_valid(self, form: FinishSignUpForm) -> HttpResponse:
        try:
            user = sign_up.finish(self.kwargs["key"], **form.cleaned_data)
        except EmailTaken as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        target = self.request.session.pop(AFTER_SIGN_UP, "") or reverse(settings.LOGIN_REDIRECT_URL)
        login(self.request, user)
        messages.success(self.request, _("Welcome, %(name)s. Your account is ready.") % {"name": user.get_short_name()})
        return HttpResponseRedirect(target)


class SignOut(NextPage, auth_views.LogoutView):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        messages.success(request, _("You have signed out. See you soon."))
        return response


class PasswordReset(ThrottledPost):
    template_name = "accounts/password_reset.html"
    form_class = PasswordResetForm
    success_url = reverse_lazy("accounts:password_reset_done")
    throttle_scope = "sign_up"

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        email = form.cleaned_data["email"]
        if may_be_mailed(email):
            tasks.send_password_reset_soon(email, get_language() or "pt-br")
        return super().form_valid(form)


class PasswordResetDone(TemplateView):
    """The same text whether or not there is such an account."""

    template_name = "accounts/password_reset_done.html"


class PasswordResetConfirm(auth_views.PasswordResetConfirmView):
    template_name = "accounts/password_reset_confirm.html"
    form_class = NewPasswordForm  # type: ignore[assignment]
    success_url = reverse_lazy("accounts:password_reset_complete")
    post_reset_login = True


class PasswordResetComplete(TemplateView):
    template_name = "accounts/password_reset_complete.html"
    extra_context = {"front_page": settings.LOGOUT_REDIRECT_URL}


@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class PasswordChange(LoginRequiredMixin, PasswordChangeView):  # type: ignore[misc]
    """Ends every other session and every app's token; a mail tells the owner."""

    template_name = "accounts/password_change.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not request.user.has_usable_password():
            return HttpResponseRedirect(reverse("accounts:password_reset"))
        return super().dispatch(request, *args, **kwargs)

    def get_default_success_url(self) -> str:
        return reverse("accounts:devices")


class AskForConfirmation(LoginRequiredMixin, View):
    """Mails a link that proves the account's address."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        user = _user(request)
        if may_be_mailed(user.email):
            services.address_to_prove(user).send_confirmation(request)
        messages.success(request, _("A message is on its way to you. Open the link in it."))
        return HttpResponseRedirect(reverse("accounts:devices"))


@method_decorator(never_cache, name="dispatch")
class Confirmation(LoginRequiredMixin, ConfirmEmailView):  # type: ignore[misc]
    """Where the mailed link leads. Only its own account may be signed in: one that somebody else has opened with this
    address must not become the owner's by a click."""

    template_name = "accounts/confirm.html"

    def get_object(self, queryset: Any = None) -> EmailConfirmationHMAC:
        found: EmailConfirmationHMAC = super().get_object(queryset)
        address = found.email_address
        # `request.user` may be a minute old.
        if address.user_id != self.request.user.pk or address.email != address.user.email:
            raise Http404
        return found

    def get_context_data(self, **_kwargs: Any) -> dict[str, Any]:
        """Without allauth's, which leads to its own pages."""
        return {"confirmation": self.object, "email": self.object and self.object.email_address.email}

    def render_to_response(self, context: dict[str, Any], **options: Any) -> HttpResponse:
        status = 200 if self.object else LinkNotValid.status
        page: HttpResponse = super().render_to_response(context, status=status, **options)
        return page

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer: HttpResponse = super().post(*args, **kwargs)
        except Http404:
            answer = self.get(*args, **kwargs)
        else:
            messages.success(self.request, _("Your e-mail is confirmed. What you ordered as a guest is here too."))
        return answer


@method_decorator([require_safe, never_cache], name="dispatch")
class Devices(LoginRequiredMixin, TemplateView):
    """Where apps are signed in to the account."""

    template_name = "accounts/devices.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "devices": tokens.tokens_of(_user(self.request)),
            "is_proven": services.has_proven_address(_user(self.request)),
        }


class EndDevice(LoginRequiredMixin, View):
    def post(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        if not tokens.revoke_token(_user(request), token_id):
            raise Http404
        messages.success(request, _("That device is signed out."))
        return HttpResponseRedirect(reverse("accounts:devices"))


def _user(request: HttpRequest) -> User:
    """The signed-in user; LoginRequiredMixin guarantees that there is one."""
    assert isinstance(request.user, User)  # noqa: S101 - narrows the type
    return request.user
