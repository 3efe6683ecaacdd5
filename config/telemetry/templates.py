"""Django's templates, with their rendering time added to the request's cost (including queries they trigger)."""

from typing import Any

from django.http import HttpRequest
from django.template.backends.django import DjangoTemplates, Template
from django.utils.safestring import SafeString

from config.telemetry.request_cost import time_spent


class TimedTemplate(Template):
    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> SafeString:
        with time_spent("render"):
            return SafeString(super().render(context, request))


class TimedTemplates(DjangoTemplates):
    def from_string(self, template_code: str) -> TimedTemplate:
        return TimedTemplate(super().from_string(template_code).template, self)

    def get_template(self, template_name: str) -> TimedTemplate:
        return TimedTemplate(super().get_template(template_name).template, self)
