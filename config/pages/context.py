"""What every page knows."""

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, object]:
    """Context processor."""
    return {"demo": settings.DEMO}
