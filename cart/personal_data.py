"""What carts know of a person."""

from django.db import transaction
from django.db.models import F

from cart.models import Cart, CartStatus
from cart.retention import delete, forget_copies_on_commit, strip
from config.personal_data.shares import Erased, Person, Records, Share
from config.retention.rules import unreferenced
from shipping.addresses import PERSONAL_COLUMNS


def _export(person: Person) -> Records:
    carts = Cart.objects.of_person(person.email, person.user_id).with_lines().order_by("pk")
    return [
        {
            "status": cart.status,
            "created_at": cart.created_at,
            "updated_at": cart.updated_at,
            **{column: getattr(cart, column) for column in PERSONAL_COLUMNS},
            "lines": [{"sku": line.product.sku, "quantity": line.quantity} for line in cart.lines.all()],
        }
        for cart in carts
    ]


def _erase(person: Person) -> Erased:
    """Carts that are being paid for belong to an order under way."""
    _take_from_others(person)
    mine = Cart.objects.of_person(person.email, person.user_id).order_by("pk")
    return Erased(sum(_erase_one(cart_id) for cart_id in list(mine.values_list("pk", flat=True))))


@transaction.atomic
def _erase_one(cart_id: int) -> bool:
    rows = Cart.objects.select_for_update().filter(pk=cart_id).exclude(status=CartStatus.CHECKING_OUT)
    if not rows:
        return False
    mine = Cart.objects.filter(pk=cart_id)
    if unreferenced(mine).exists():
        delete(mine)
    else:  # it stays with its order, and belongs to nobody
        strip(mine)
        mine.update(user=None)
    return True


@transaction.atomic
def _take_from_others(person: Person) -> None:
    """An address that someone else typed into the cart of their own account."""
    others = Cart.objects.of_others_with(person.email, person.user_id)
    carts = list(others.exclude(status=CartStatus.CHECKING_OUT).select_for_update(of=("self",)).order_by("pk"))
    Cart.objects.filter(pk__in=[cart.pk for cart in carts]).update(email="", version=F("version") + 1)
    forget_copies_on_commit(carts)


CARTS = Share(name="carts", export=_export, erase=_erase)
