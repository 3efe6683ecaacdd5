"""The webhook endpoint: verify, store, acknowledge. Events are settled later, from the inbox."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments import webhook_inbox
from payments.exceptions import InvalidSignature


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """200 once the event is stored, now or earlier; 400 if the signature is wrong or too old."""
    try:
        webhook_inbox.store_webhook("stripe", request.body, request.headers.get("Stripe-Signature", ""))
    except InvalidSignature as error:
        return JsonResponse({"code": error.code}, status=error.status)
    return JsonResponse({"received": True})
