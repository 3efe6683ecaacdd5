"""The carrier's webhook endpoint: verify, note which label is to be looked up, acknowledge."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from config.rate_limits import unlimited
from shipping import label_news
from shipping.exceptions import ForgedWebhook


@csrf_exempt
@unlimited("signed by the carrier; what is not signed does nothing")
@require_http_methods(["GET", "HEAD", "POST"])
def melhor_envio(request: HttpRequest) -> HttpResponse:
    """200 once it is noted; 400 if the signature is wrong.

    200 as well for what has no signature, and nothing is done: the carrier probes an address so when it is entered.
    """
    signature = request.headers.get("X-ME-Signature", "")
    if request.method != "POST" or not signature:
        return JsonResponse({"received": False})
    try:
        label_news.nudge(request.body, signature)
    except ForgedWebhook as error:
        return JsonResponse({"code": error.code}, status=error.status)
    return JsonResponse({"received": True})
