"""The webhook endpoint: verify, store, acknowledge. Events are settled later, from the inbox."""

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from config.rate_limits import unlimited
from payments import webhook_inbox
from payments.exceptions import InvalidSignature, MalformedEvent

logger = logging.getLogger(__name__)


@csrf_exempt
@unlimited("signed by the provider, whose events must all be stored")
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """200 once the event is stored, now or earlier; 400 if the signature is wrong or too old, or if it is no event."""
    try:
        webhook_inbox.store_webhook("stripe", request.body, request.headers.get("Stripe-Signature", ""))
    except (InvalidSignature, MalformedEvent) as error:
        if isinstance(error, MalformedEvent):
            logger.error("A signed webhook could not be read: %s", type(error.__cause__ or error).__name__)
        return JsonResponse({"code": error.code}, status=error.status)
    return JsonResponse({"received": True})
