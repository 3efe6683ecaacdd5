"""Where the provider tells what happened: verify, store, answer. Settling comes later, from the store."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments import webhook_inbox
from payments.exceptions import InvalidSignature


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """200 once the event is stored, also when it was before; 400 where the signature is wrong or too old."""
    try:
        webhook_inbox.store_webhook("stripe", request.body, request.headers.get("Stripe-Signature", ""))
    except InvalidSignature as error:
        return JsonResponse({"code": error.code}, status=error.status)
    return JsonResponse({"received": True})
