"""`{% load esteira %}`: the formats, and the small parts that every page uses."""

from typing import Any

import segno
from django import forms, template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from config import formats
from config.rendering.template_loader import fixed

register = template.Library()

for _filter in (formats.money, formats.cep, formats.phone, formats.day, formats.duration):
    register.filter(_filter)
register.simple_tag(formats.arrival)


@register.simple_tag
@fixed
def icon(name: str, variant: str = "") -> SafeString:
    """An icon from icons.svg, hidden from screen readers: it needs text beside it."""
    classes = f"icon icon--{variant}" if variant else "icon"
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        static("esteira/icons.svg"),
        name,
    )


@register.simple_tag
def qr_code(text: str) -> SafeString:
    """`text` as a QR code, drawn as inline SVG without any style of its own."""
    drawing = segno.make(text, error="m", micro=False).svg_inline(
        border=2, dark="#000000", light="#ffffff", omitsize=True, svgclass=None, lineclass=None
    )
    return mark_safe(drawing)  # noqa: S308 - segno draws modules; the text itself is not part of the markup


@register.inclusion_tag("esteira/field.html")
def field(bound: forms.BoundField, **options: Any) -> dict[str, Any]:
    """A form field with label, hint and errors. `optional=True` says so in the label."""
    return {"field": bound, "optional": not bound.field.required, **options}


@register.inclusion_tag("esteira/form_errors.html")
def form_errors(form: forms.BaseForm) -> dict[str, Any]:
    """The form's errors, listed at the top with a link to each field."""
    listed = [
        (form[name], message) for name, messages in form.errors.items() if name in form.fields for message in messages
    ]
    return {"listed": listed, "general": form.non_field_errors()}
