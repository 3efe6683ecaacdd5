"""What every page may know of the shop."""

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, object]:
    return {"demo": settings.DEMO}
