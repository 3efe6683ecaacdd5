"""Durations on the cache page."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def time_left(milliseconds: int) -> str:
    """`40 s`, `12 min`, `2 h` or `3 d`: one unit is precise enough."""
    seconds = round(milliseconds / 1000)
    for size, text in ((86_400, _("%(number)s d")), (3_600, _("%(number)s h")), (60, _("%(number)s min"))):
        if seconds >= size * 2:
            return text % {"number": seconds // size}
    return _("%(number)s s") % {"number": seconds}
