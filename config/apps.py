from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # They register themselves.
        from config import breaker_page, cache_page, gauges, tasks_watch, worker_metrics  # noqa: F401
        from config.statements import watch_statements

        connection_created.connect(watch_statements, dispatch_uid="config.watch_statements")
