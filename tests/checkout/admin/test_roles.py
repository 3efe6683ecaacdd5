"""Permissions: each role requests everything, whatever its pages offer."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import Order, OrderStatus, OutboxMessage, Policy, Shipment
from checkout.returns import ask_return
from config.accounts.apps import last_app_with_models
from config.accounts.models import User
from config.accounts.roles import ROLES, keep_roles
from inventory.models import Product, Stock
from payments.models import StrayCharge
from tests.support.backoffice import order, page_of
from tests.support.factories.inventory import CategoryFactory, ProductFactory, StockFactory, WarehouseFactory
from tests.support.staff import client_of

pytestmark = pytest.mark.django_db

ALL_ROLES = set(ROLES)


def client_with(role: str) -> Client:
    person = User.objects.create(email=f"{role}@example.com", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    return client_of(person)


def reads(name: str) -> Callable[[Client], Any]:
    return lambda client: client.get(reverse(f"admin:{name}_changelist"))


def opens(url: Callable[[], str]) -> Callable[[Client], Any]:
    return lambda client: client.get(url())


def presses(verb: str, outcome: str = "approved") -> Callable[[Client], Any]:
    return lambda client: client.post(reverse("admin:checkout_order_do", args=[order(outcome).pk, verb]))


def asks(step: str, outcome: str) -> Callable[[Client], Any]:
    """Posts an incomplete form of a confirmed action: 409 for those who may, 403 for all others."""
    return lambda client: client.post(reverse(f"admin:checkout_order_{step}", args=[order(outcome).pk]), {})


def of_parcel(what: str, *more: str) -> str:
    parcel = Shipment.objects.create(order=order(), posted_at=timezone.now())
    return reverse(f"admin:checkout_order_parcel_{what}", args=[parcel.order_id, parcel.pk, *more])


def of_return(step: str) -> str:
    placed = order()
    asked = ask_return(placed, {placed.lines.get().pk: 1}, key=uuid4())
    return reverse(f"admin:checkout_order_return_{step}", args=[placed.pk, asked.pk])


def fills(name: str, row: Callable[[], Any] | None = None) -> Callable[[Client], Any]:
    def send(client: Client) -> Any:
        url = reverse(f"admin:{name}_change", args=[row().pk]) if row else reverse(f"admin:{name}_add")
        return client.post(url, {"nothing": "that is complete"})

    return send


def of_mail(view: str) -> str:
    made = order()
    return reverse(f"admin:checkout_order_mail{view}", args=[made.pk, OutboxMessage.objects.get(order=made).pk])


def unmatched_charge() -> StrayCharge:
    return StrayCharge.objects.create(provider="stripe", provider_reference="pi_1", amount="1.00", currency="BRL")


def text_of_the_shop() -> Policy:
    return Policy.objects.get_or_create(page="terms", language="en")[0]


# Requests, and the roles that may send them. All others get 403.
TRIED: dict[str, tuple[Callable[[Client], Any], set[str]]] = {
    "read orders": (reads("checkout_order"), ALL_ROLES),
    "read an order": (opens(lambda: page_of(order())), ALL_ROLES),
    "read mails": (reads("checkout_outboxmessage"), {"viewer", "support", "finance"}),
    "read texts": (reads("checkout_policy"), {"viewer", "support", "finance"}),
    "write a text": (fills("checkout_policy", text_of_the_shop), {"support"}),
    "read payments": (reads("payments_payment"), {"viewer", "support", "finance"}),
    "read attempts": (reads("payments_paymentattempt"), {"viewer", "support", "finance"}),
    "read refunds": (reads("payments_refund"), {"viewer", "support", "finance"}),
    "read webhooks": (reads("payments_webhookevent"), {"viewer", "support", "finance"}),
    "read products": (reads("inventory_product"), {"viewer", "support", "stock"}),
    "read stock": (reads("inventory_stock"), {"viewer", "support", "stock"}),
    "read reservations": (reads("inventory_reservation"), {"viewer", "support", "stock"}),
    "read carts": (reads("cart_cart"), {"viewer", "support"}),
    "read rates": (reads("shipping_shippingrate"), {"viewer", "support"}),
    "read the log": (reads("audit_entry"), {"viewer", "finance"}),
    "read the money page": (opens(lambda: "/admin/money/"), {"viewer", "support", "finance"}),
    "read abandoned carts": (opens(lambda: "/admin/abandoned_carts/"), {"viewer", "support"}),
    "read the cache": (opens(lambda: "/admin/cache/"), {"viewer", "support"}),
    "read the retention page": (opens(lambda: "/admin/retention/"), {"viewer", "support"}),
    "read the breakers": (opens(lambda: "/admin/breakers/"), {"viewer", "support"}),
    "drop a name of the cache": (lambda client: client.post("/admin/cache/product/drop/"), set()),
    "close a breaker": (lambda client: client.post("/admin/breakers/stripe/close/", {"reason": "x"}), set()),
    "resolve an unmatched charge": (fills("payments_straycharge", unmatched_charge), {"finance"}),
    "read people": (reads("accounts_user"), set()),
    "read groups": (reads("auth_group"), set()),
    "ship": (presses("ship"), {"stock"}),
    "deliver": (presses("deliver"), {"stock"}),
    "record a parcel": (asks("parcel", "approved"), {"stock"}),
    "post many parcels": (lambda client: client.post("/admin/post_parcels/"), {"stock"}),
    "say what became of a parcel": (lambda client: client.post(of_parcel("news", "undelivered")), {"stock"}),
    "correct a parcel": (lambda client: client.post(of_parcel("correct"), {"carrier": "\n"}), {"stock"}),
    "answer a return": (lambda client: client.post(of_return("answer")), {"support"}),
    "inspect a return": (opens(lambda: of_return("inspect")), {"stock"}),
    "pay back a return": (lambda client: client.post(of_return("close")), {"finance"}),
    "ask the provider": (presses("ask", "declined"), {"support", "finance"}),
    "resend": (presses("resend"), {"support"}),
    "look at a mail": (lambda client: client.get(of_mail("")), {"support"}),
    "see a mail's HTML": (lambda client: client.get(of_mail("_html")), {"support"}),
    "send a mail again": (lambda client: client.post(of_mail("_resend")), {"support"}),
    "see a tax id": (
        lambda client: client.post(reverse("admin:checkout_order_tax_id", args=[order().pk])),
        {"support", "finance"},
    ),
    "refund": (asks("refund", "approved"), {"finance"}),
    "cancel what is unpaid": (asks("cancel", "action"), {"support"}),
    "cancel what is paid": (asks("cancel", "approved"), {"finance"}),
    "adjust stock": (fills("inventory_stock", lambda: StockFactory(on_hand=5)), {"stock"}),
    "begin stock": (fills("inventory_stock"), {"stock"}),
    "add a product": (fills("inventory_product"), {"stock"}),
    "change a product": (fills("inventory_product", ProductFactory), {"stock"}),
    "change a category": (fills("inventory_category", CategoryFactory), {"stock"}),
    "change a warehouse": (fills("inventory_warehouse", WarehouseFactory), set()),
    "add a rate": (fills("shipping_shippingrate"), set()),
    "add a person": (fills("accounts_user"), set()),
    "add a group": (fills("auth_group"), set()),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", TRIED)
def test_each_role_may_do_exactly_its_own(what: str, role: str) -> None:
    attempt, allowed = TRIED[what]
    answer = attempt(client_with(role))
    if role in allowed:
        assert answer.status_code in (200, 302, 409)
    else:
        assert answer.status_code == 403
        assert not Order.objects.exclude(status__in=[OrderStatus.PAID, OrderStatus.AWAITING_PAYMENT]).exclude(
            status=OrderStatus.CANCELLED, payment__status="failed"
        )


class TestBulkActions:
    def act(self, role: str, model: str, action: str, row: Any) -> None:
        data = {"action": action, "_selected_action": [row.pk]}
        client_with(role).post(reverse(f"admin:{model}_changelist"), data)

    @pytest.mark.parametrize("role", ROLES)
    def test_shipping(self, role: str) -> None:
        made = order()
        self.act(role, "checkout_order", "mark_shipped", made)
        assert (Order.objects.get(pk=made.pk).status == OrderStatus.SHIPPED) == (role == "stock")

    @pytest.mark.parametrize("role", ROLES)
    def test_resending_mails(self, role: str) -> None:
        message = OutboxMessage.objects.get(order=order())
        self.act(role, "checkout_outboxmessage", "send_now", message)
        assert (OutboxMessage.objects.get(pk=message.pk).due_at > message.due_at) == (role == "support")

    @pytest.mark.parametrize("role", ROLES)
    def test_taking_off_sale(self, role: str) -> None:
        product = ProductFactory()
        self.act(role, "inventory_product", "take_off_sale", product)
        assert Product.objects.get(pk=product.pk).active == (role != "stock")

    def test_nothing_is_deleted_in_bulk(self, desk: Client) -> None:
        stock = StockFactory()
        data = {"action": "delete_selected", "_selected_action": [stock.product_id], "post": "yes"}
        desk.post(reverse("admin:inventory_product_changelist"), data)
        assert Stock.objects.filter(pk=stock.pk).exists()


# The buttons offered on the pages of a paid, a waiting and a shipped order.
OFFERED = {
    "viewer": (set(), set(), set()),
    "support": ({"resend"}, {"ask", "cancel"}, {"resend"}),
    "finance": ({"refund", "cancel"}, {"ask"}, {"refund"}),
    "stock": ({"ship"}, set(), {"deliver"}),
}


@pytest.mark.parametrize("role", ROLES)
def test_only_permitted_buttons_are_shown(role: str) -> None:
    client = client_with(role)
    paid, waiting, shipped = order(), order("action"), order()
    Order.objects.filter(pk=shipped.pk).update(status=OrderStatus.SHIPPED)

    def shown(made: Order) -> set[str]:
        page = client.get(page_of(made)).content.decode()
        verbs = {"ship", "deliver", "ask", "resend"}
        links = {
            step for step in ("refund", "cancel") if reverse(f"admin:checkout_order_{step}", args=[made.pk]) in page
        }
        return links | {verb for verb in verbs if f"/do/{verb}/" in page}

    assert tuple(shown(made) for made in (paid, waiting, shipped)) == OFFERED[role]
    assert (paid.token in client.get(page_of(paid)).content.decode()) == (role == "support")


class TestTheGroups:
    def rights(self) -> dict[str, set[str]]:
        return {
            group.name: {f"{right.content_type.app_label}.{right.codename}" for right in group.permissions.all()}
            for group in Group.objects.prefetch_related("permissions__content_type")
        }

    def test_match_the_code(self) -> None:
        assert self.rights() == {name: set(rights) for name, rights in ROLES.items()}

    def test_are_restored_and_other_groups_stay_unchanged(self) -> None:
        own = Group.objects.create(name="night shift")
        own.permissions.add(Permission.objects.get(codename="refund_order"))
        Group.objects.get(name="viewer").permissions.add(Permission.objects.get(codename="refund_order"))
        Group.objects.get(name="stock").delete()
        keep_roles()
        keep_roles()
        assert self.rights() == {"night shift": {"checkout.refund_order"}, **{n: set(r) for n, r in ROLES.items()}}

    def test_are_created_whichever_app_migrates_last(self, settings) -> None:
        """An app without models, such as the demo's toolbar, sends no post_migrate."""
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.humanize"]
        assert last_app_with_models().label == "forms"

    def test_no_role_moves_both_money_and_stock(self) -> None:
        for rights in ROLES.values():
            assert not {"checkout.refund_order", "inventory.adjust_stock"} <= rights

    def test_each_has_a_user_in_the_demo(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("seed_demo", password="quatro-palavras-bem-longas")
        printed = capsys.readouterr().out
        for role in ROLES:
            clerk = User.objects.get(email=f"{role}@esteira.example")
            assert clerk.email in printed
            assert clerk.is_staff
            assert [group.name for group in clerk.groups.all()] == [role]
            assert clerk.check_password("quatro-palavras-bem-longas")
