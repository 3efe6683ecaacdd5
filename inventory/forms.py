"""What people ask of the shop window."""

from django import forms


class CatalogueForm(forms.Form):
    """Search, category and page as they stand in the address. Whatever cannot be read counts as not asked for."""

    search = forms.CharField(required=False, max_length=100)
    category = forms.SlugField(required=False, max_length=100)
    page = forms.IntegerField(required=False, min_value=1)

    def asked(self) -> tuple[str, str, int]:
        """Search text, category slug and page number. Needs no valid form."""
        self.is_valid()
        found = self.cleaned_data
        return found.get("search") or "", found.get("category") or "", found.get("page") or 1
