from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created

# Shared tasks bind to the Celery app that is current at their first use, so it must exist wherever Django is set up.
from config import celery  # noqa: F401


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # These modules register themselves when imported.
        from config.backoffice import breaker_page, cache_page, retention_page  # noqa: F401
        from config.rate_limits import check_proxies, check_rate_limits
        from config.resilience import gauges  # noqa: F401
        from config.telemetry import tasks, worker_metrics  # noqa: F401
        from config.telemetry.queries import watch_statements

        checks.register(check_rate_limits)
        checks.register(check_proxies, deploy=True)
        connection_created.connect(watch_statements, dispatch_uid="config.watch_statements")
