from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_delete, post_migrate, post_save
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "config.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from config.accounts.backends import forget_user
        from config.accounts.guesses import note_sign_in
        from config.accounts.retention import SESSIONS, SIGN_UPS, TOKENS
        from config.accounts.roles import grant, keep_roles
        from config.accounts.tokens import revoke_old_tokens
        from config.retention.rules import keep

        grant({role: {"config.view_machinery"} for role in ("viewer", "support")})
        keep(SESSIONS, SIGN_UPS, TOKENS)
        user = self.get_model("User")
        post_save.connect(forget_user, sender=user, dispatch_uid="accounts.forget_user_saved")
        post_save.connect(revoke_old_tokens, sender=user, dispatch_uid="accounts.revoke_old_tokens")
        user_logged_in.connect(note_sign_in, dispatch_uid="accounts.note_sign_in")
        post_delete.connect(forget_user, sender=user, dispatch_uid="accounts.forget_user_deleted")
        post_migrate.connect(keep_roles, sender=last_app_with_models(), dispatch_uid="accounts.keep_roles")


def last_app_with_models() -> AppConfig:
    """The last app to receive post_migrate, when all permissions exist; apps without models receive none."""
    return [app for app in apps.get_app_configs() if app.models_module is not None][-1]
