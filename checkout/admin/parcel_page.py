"""The page where staff post many parcels at once, from a file that they look at first."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from checkout.admin.parcel_sheet import ParcelSheetForm
from checkout.parcel_batches import post_all
from config.backoffice.site import page, render_page


@page("post_parcels", _("Post parcels"), permission="checkout.ship_order")
def post_parcels(request: HttpRequest) -> HttpResponse:
    """Shows what the file would do, then does it. Sent twice, it records each parcel once."""
    form = ParcelSheetForm(request.POST or None, request.FILES or None)
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        done = request.POST.get("do") == "record"
        posted = post_all(form.cleaned_data["parcels"], rehearse=not done, by=request.user)
        good = sum(1 for parcel in posted if not parcel.problem and not parcel.is_known)
        context |= {"posted": posted, "done": done, "good": good, "sheet": form.cleaned_data["sheet"]}
    response = render_page(request, "admin/checkout/post_parcels.html", _("Post parcels"), context)
    response.status_code = 409 if form.errors else 200
    return response
