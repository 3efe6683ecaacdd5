from django.apps import AppConfig
from django.db.backends.signals import connection_created

# Shared tasks belong to the app that is current when they are first used: it must exist wherever Django is set up.
from config import celery  # noqa: F401


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # They register themselves.
        from config.backoffice import breaker_page, cache_page  # noqa: F401
        from config.resilience import gauges  # noqa: F401
        from config.telemetry import tasks, worker_metrics  # noqa: F401
        from config.telemetry.queries import watch_statements

        connection_created.connect(watch_statements, dispatch_uid="config.watch_statements")
