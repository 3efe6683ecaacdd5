from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "config.audit"
    label = "audit"
    verbose_name = _("Audit")

    def ready(self) -> None:
        from config.accounts.roles import grant
        from config.audit import receivers
        from config.audit.retention import AUDIT
        from config.retention.rules import keep

        grant({"viewer": {"audit.view_entry"}, "finance": {"audit.view_entry", "audit.export_entry"}})
        keep(AUDIT)

        user_logged_in.connect(receivers.signed_in, dispatch_uid="audit.signed_in")
        user_login_failed.connect(receivers.failed_to_sign_in, dispatch_uid="audit.failed_to_sign_in")
        user_logged_out.connect(receivers.signed_out, dispatch_uid="audit.signed_out")
