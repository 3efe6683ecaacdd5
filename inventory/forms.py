"""Query parameters of the catalogue page."""

from django import forms


class CatalogueForm(forms.Form):
    """Search, category and page from the query string. Invalid values are ignored."""

    search = forms.CharField(required=False, max_length=100)
    category = forms.SlugField(required=False, max_length=100)
    page = forms.IntegerField(required=False, min_value=1)

    def query(self) -> tuple[str, str, int]:
        """Search text, category slug and page number. The form need not be valid."""
        self.is_valid()
        found = self.cleaned_data
        return found.get("search") or "", found.get("category") or "", found.get("page") or 1
