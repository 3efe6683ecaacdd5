"""Users and groups in the admin."""

from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.authtoken.models import TokenProxy

from config.accounts import services, tasks
from config.accounts.models import User
from config.backoffice.base import Audited
from config.backoffice.breaker_page import ReasonForm
from config.backoffice.site import render_page

# The token list would show every key in clear text.
admin.site.unregister(TokenProxy)
# Nobody but its owner proves an address, so staff have nothing to change there.
admin.site.unregister(EmailAddress)
admin.site.unregister(Group)


class InvitationForm(ModelForm[User]):
    """A new account, whose owner chooses the password."""

    class Meta:
        model = User
        fields = ("email", "full_name", "is_staff", "groups")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class UserAdmin(Audited[User], DjangoUserAdmin):  # type: ignore[type-arg]
    # Of a shopper's name and e-mail the log records that they changed, not the values.
    audited_values = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")
    add_form = InvitationForm
    list_display = ("email", "full_name", "is_staff", "is_active", "date_joined", "last_login")
    list_filter = ("is_staff", "is_active", "is_superuser", "groups")
    search_fields = ("email", "full_name")
    ordering = ("-date_joined",)
    date_hierarchy = "date_joined"
    readonly_fields = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "full_name", "password")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("When"), {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "full_name", "is_staff", "groups")}),)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        transaction.on_commit(partial(tasks.send_invitation_soon, obj.pk, get_language() or "pt-br"))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Nobody types a password for somebody else: a link is mailed, and what is signed in ends."""
        user = self.get_object(request, unquote(id))
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user) or (user.is_staff and not request.user.is_superuser):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        back = reverse("admin:accounts_user_change", args=[user.pk])
        if request.method == "POST" and form.is_valid():
            services.end_password(user, by=request.user, reason=form.cleaned_data["reason"])
            tasks.send_invitation_soon(user.pk, get_language() or "pt-br")
            messages.success(
                request, gettext("A link to choose a password is on its way to %(user)s.") % {"user": user}
            )
            return HttpResponseRedirect(back)
        context = {"form": form, "person": user, "back": back, "trail": [(back, str(user))]}
        title = gettext("A new password for %(user)s") % {"user": user}
        return render_page(request, "admin/password_link.html", title, context)


@admin.register(Group)
class GroupAdmin(Audited[Group], DjangoGroupAdmin):
    pass
