"""The admin site: Django's, plus pages that belong to no model, such as money, cache and breakers.

An app's `admin` declares its pages with `page`. Each has a permission of its own, which is checked here; the pages that
a user may see come first in the menu.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Union

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Page:
    """`name` is its path and, after `admin:`, its URL name. A page without a title is not in the menu."""

    name: str
    title: Union[str, "_StrPromise"]
    permission: str
    view: View
    route: str


_pages: list[Page] = []


def page(
    name: str, title: Union[str, "_StrPromise"] = "", *, permission: str, route: str = ""
) -> Callable[[View], View]:
    """Make a view a page of the back office, for staff with `permission`; others get a 403."""

    def declare(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        _pages.append(Page(name, title, permission, checked, route or f"{name}/"))
        return checked

    return declare


class BackOffice(admin.AdminSite):
    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [path(page.route, self.admin_view(page.view), name=page.name) for page in _pages]
        return [*own, *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The pages that the user may see, in the menu's format for apps, then the apps."""
        apps = super().get_app_list(request, app_label)
        allowed = [page for page in _pages if page.title and request.user.has_perm(page.permission)]
        shown = sorted(allowed, key=lambda page: str(page.title))
        if app_label or not shown:
            return apps
        entries: list[dict[str, Any]] = [
            {
                "name": page.title,
                "object_name": page.name,
                "admin_url": reverse(f"admin:{page.name}"),
                "add_url": None,
                "view_only": True,
                "perms": {},
            }
            for page in shown
        ]
        overview = {"name": _("Overview"), "app_label": "overview", "app_url": f"{reverse('admin:index')}#overview"}
        return [{**overview, "models": entries}, *apps]


def render_page(request: HttpRequest, template: str, title: object, context: dict[str, Any]) -> HttpResponse:
    """Render `template`, a child of `admin/overview.html`, with the admin's own context and `context`."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
