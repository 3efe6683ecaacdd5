"""Whether cards are open: not to a cart, a person or a network with too many declined ones. Pix always is.

Whoever tries stolen cards needs many tries. Declines of a cart are counted in its row, those of a person (an account;
for guests an e-mail) from their orders: both hold without Redis, whatever cookies are deleted, and are read together
with the cart's lock, without a statement of their own. A guest's declines never count against an account with that
e-mail, so that no stranger can close an owner's cards. Declines of a network are counted in Redis.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Func, IntegerField, OuterRef, Subquery, When
from django.db.models.functions import Lower
from django.utils import timezone

from cart.models import Cart, CartQuerySet, opened
from checkout.exceptions import CardsClosed
from checkout.models import Order, OrderQuerySet
from config.db.compiled import compiled
from config.db.locks import require_transaction
from config.rate_limits import peek, tally
from payments.gateways.base import PIX

# The scope in settings.RATE_LIMITS.
DECLINES = "declines"


def require_open_to(requester: str, payment_method: str) -> None:
    """Raise CardsClosed if too many cards of this requester were declined, at any cart. No statement."""
    if payment_method == PIX or not requester:
        return
    declined = peek(DECLINES, requester)
    if declined.exceeded:
        raise CardsClosed(retry_after=declined.seconds_left)


def count_decline(requester: str) -> None:
    if requester:
        tally((DECLINES, requester))


def fetch_locked(token: str, user_id: int | None) -> Cart:
    """As `Cart.objects.fetch_locked`, with `declines_of_person`, in the same statement."""
    require_transaction()
    since = timezone.now() - timedelta(hours=settings.CARD_DECLINES_HOURS)
    return opened(locked_carts_with_declines.first(token, since), user_id)


@compiled
def locked_carts_with_declines(token: str, since: datetime) -> CartQuerySet:
    declined = Order.objects.declined_cards()
    of_account = declined.filter(user=OuterRef("user"))
    of_guest = declined.annotate(lower_email=Lower("email")).filter(user=None, lower_email=Lower(OuterRef("email")))
    counted = Case(When(user=None, then=_count(of_guest, since)), default=_count(of_account, since))
    carts = Cart.objects.with_quote().annotate(declines_of_person=counted)  # type: ignore[no-redef]  # declared there
    return carts.filter(token=token).select_for_update(of=("self",))


def _count(orders: OrderQuerySet, since: datetime) -> Subquery:
    """How many are recent. The time is no condition: for a range, the planner looks into the index with each order."""
    recent = Case(When(placed_at__gt=since, then=F("pk")))
    return Subquery(orders.annotate(count=Func(recent, function="COUNT", output_field=IntegerField())).values("count"))


def require_open_for(cart: Cart, payment_method: str) -> None:
    """Raise CardsClosed if too many cards were declined for this cart or its person. Wants it from `fetch_locked`."""
    if payment_method == PIX:
        return
    now = timezone.now()
    until = cart.cards_closed_until
    if cart.declines_of_person >= settings.CARD_DECLINES_PER_PERSON:
        until = now + timedelta(hours=settings.CARD_DECLINES_HOURS)  # at the latest
    if until is not None and until > now:
        raise CardsClosed(retry_after=int((until - now).total_seconds()) + 1)
