"""The products in stock during a journey."""

from decimal import Decimal

from django.core import signing

from cart import session
from cart.snapshot import CartSnapshot
from inventory.models import Product
from tests.journeys.shopper import Shopper
from tests.support.factories.inventory import CategoryFactory, ProductFactory

LONG_NAME = "Rede de dormir de casal em algodão cru com varanda bordada à mão"


class Goods:
    """Three products of one category: one with plenty of stock, an expensive one with a long name, and one sold out."""

    def __init__(self) -> None:
        shelf = CategoryFactory(name="Casa e cozinha", slug="casa-e-cozinha")
        self.mug = ProductFactory(
            sku="CANECA-1", slug="caneca", name="Caneca esmaltada", price=Decimal("49.90"), category=shelf, stock=12
        )
        self.hammock = ProductFactory(
            sku="REDE-1", slug="rede", name=LONG_NAME, price=Decimal("1234.56"), category=shelf, stock=3
        )
        self.vase = ProductFactory(
            sku="VASO-1", slug="vaso", name="Vaso de barro", price=Decimal("80.00"), category=shelf, stock=0
        )


def raise_price(product: Product, price: str) -> None:
    product.price = Decimal(price)
    product.save()


def hand_over(cart: CartSnapshot, shopper: Shopper) -> None:
    """Gives the cart to this guest's browser, as if they had filled it."""
    signer = signing.get_cookie_signer(salt=session.COOKIE + session.SALT)
    cookie = {"name": session.COOKIE, "value": signer.sign(cart.id), "url": shopper.address}
    shopper.page.context.add_cookies([cookie])
