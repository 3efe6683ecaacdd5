"""Query parameters of the catalogue page."""

from django import forms
from django.http import QueryDict


class CatalogueForm(forms.Form):
    """Search, category and page from the query string. Invalid values are ignored."""

    search = forms.CharField(required=False, max_length=100)
    category = forms.SlugField(required=False, max_length=100)
    page = forms.IntegerField(required=False, min_value=1)

    @classmethod
    def read(cls, given: QueryDict) -> tuple[str, str, int]:
        """Search text, category slug and page number of a query, which is mostly empty."""
        if not given:
            return "", "", 1
        form = cls(given)
        form.is_valid()
        found = form.cleaned_data
        return found.get("search") or "", found.get("category") or "", found.get("page") or 1
