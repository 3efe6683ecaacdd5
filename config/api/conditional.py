"""`ETag` and 304: an answer that the client already has is not sent again."""

from functools import partial
from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_cache_control
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

# For the OpenAPI document of each conditional read.
IF_NONE_MATCH = [
    OpenApiParameter(
        "If-None-Match",
        str,
        OpenApiParameter.HEADER,
        description="The `ETag` of the answer that you have, as it came. If it is still the answer, you get 304.",
    ),
    OpenApiParameter(
        "ETag", str, OpenApiParameter.HEADER, description="Changes with any part of the answer.", response=[200, 304]
    ),
]
NOT_MODIFIED = {304: OpenApiResponse(description="The answer is the one that you have.")}
# A 304 repeats what caches need to know (RFC 9110, 15.4.5).
_REPEATED = ("Cache-Control", "Vary")


# A view whose reads may be conditional. The answer is made all the same: what is saved is sending it. (Not a docstring,
# since that would show up at each of its operations in the OpenAPI document.)
class ConditionalView(APIView):
    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "GET" and response.status_code == status.HTTP_200_OK:
            if "Cache-Control" not in response:
                patch_cache_control(response, no_cache=True)  # keep it, and ask whether it still holds
            response.add_post_render_callback(partial(_tagged, request))
        return response


def _tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    tag = f'"{sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = tag
    # Proxies that compress turn our tag into a weak one.
    known = {known.removeprefix("W/") for known in parse_etags(request.headers.get("If-None-Match", ""))}
    if not known & {tag, "*"}:
        return response
    unchanged = HttpResponseNotModified()
    for name in ("ETag", *_REPEATED):
        if name in response:
            unchanged[name] = response[name]
    return unchanged
