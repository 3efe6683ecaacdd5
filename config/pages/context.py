"""What every page knows."""

from django.conf import settings
from django.http import HttpRequest

from config.formats import seller


def shop(request: HttpRequest) -> dict[str, object]:
    """Context processor."""
    return {"demo": settings.DEMO, "seller": seller()}
