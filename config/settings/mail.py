"""Mail: its server and its sender."""

from config.settings.base import env

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Esteira <pedidos@esteira.example>")
