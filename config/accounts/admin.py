"""Users and groups in the admin."""

from typing import ClassVar

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.forms import Field
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.authtoken.models import TokenProxy

from config.accounts.models import User
from config.audit.services import atomic_view
from config.backoffice.base import Audited

# The token list would show every key in clear text.
admin.site.unregister(TokenProxy)
# Nobody but its owner proves an address, so staff have nothing to change there.
admin.site.unregister(EmailAddress)
admin.site.unregister(Group)


class UserCreationForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "full_name")
        field_classes: ClassVar[dict[str, type[Field]]] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class UserAdmin(Audited[User], DjangoUserAdmin):  # type: ignore[type-arg]
    # Of a shopper's name and e-mail the log records that they changed, not the values.
    audited_values = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")
    add_form = UserCreationForm
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
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "full_name", "usable_password", "password1", "password2")},
        ),
    )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        return atomic_view(super().user_change_password)(request, id, form_url)


@admin.register(Group)
class GroupAdmin(Audited[Group], DjangoGroupAdmin):
    pass
