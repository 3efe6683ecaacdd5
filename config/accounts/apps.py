from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "config.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from config.accounts.backends import forget_user

        user = self.get_model("User")
        post_save.connect(forget_user, sender=user, dispatch_uid="accounts.forget_user_saved")
        post_delete.connect(forget_user, sender=user, dispatch_uid="accounts.forget_user_deleted")
