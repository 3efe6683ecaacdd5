"""The API's share of the rate limits: every call is counted once its token is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.throttling import BaseThrottle

from config import rate_limits
from config.rate_limits import SAFE_METHODS, RateLimited

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Throttle(BaseThrottle):
    """Counts in the view's `throttle_scope`, else in `reads` or `writes` by method."""

    seconds_left: int | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = getattr(view, "throttle_scope", "") or ("reads" if request.method in SAFE_METHODS else "writes")
        try:
            rate_limits.enforce(scope, rate_limits.requester(request))
        except RateLimited as refusal:
            self.seconds_left = int(str(refusal.details["retry_after"]))
            return False
        return True

    def wait(self) -> float | None:
        return self.seconds_left
