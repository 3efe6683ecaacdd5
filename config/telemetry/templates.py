"""Django's templates, whose rendering a measured request sees (with the queries that a template sets off)."""

from typing import Any

from django.http import HttpRequest
from django.template.backends.django import DjangoTemplates, Template
from django.utils.safestring import SafeString

from config.telemetry.request_cost import clock


class TimedTemplate(Template):
    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> SafeString:
        with clock("render"):
            return SafeString(super().render(context, request))


class TimedTemplates(DjangoTemplates):
    def from_string(self, template_code: str) -> TimedTemplate:
        return TimedTemplate(super().from_string(template_code).template, self)

    def get_template(self, template_name: str) -> TimedTemplate:
        return TimedTemplate(super().get_template(template_name).template, self)
