"""The audit log: append-only for everyone, and written in one transaction with the change it records."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest.mock import MagicMock

import pytest
from django.contrib import admin
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from checkout import services, shipments
from checkout.models import Order, OrderStatus
from config.accounts.models import User
from config.audit import services as audit
from config.audit.events import CHANGE
from config.audit.models import Entry
from config.backoffice.base import Audited
from inventory.models import Product
from payments.exceptions import PaymentUnavailable, RefundRefused
from payments.models import Refund
from shipping.models import ShippingMethod, ShippingRate
from tests.support.admin_forms import OpenForm
from tests.support.backoffice import order
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import CategoryFactory, ProductFactory, WarehouseFactory
from tests.support.factories.shipping import ShippingMethodFactory, ShippingRateFactory
from tests.support.orders import order_of
from tests.support.staff import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> Entry:
    return audit.record(None, CHANGE, ProductFactory(sku="SKU-1"))


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE audit_entry SET reason = 'x'", "DELETE FROM audit_entry", "DELETE FROM audit_entry WHERE false"],
    )
    def test_a_row_is_neither_changed_nor_removed(self, statement: str, entry: Entry) -> None:
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert Entry.objects.get(pk=entry.pk).reason == ""

    @pytest.mark.parametrize(
        "change",
        ["reason = 'y'", "actor = 'x'", "at = now()", "reason = '', verb = 'x'", "after = '{}'", "id = id + 1"],
    )
    def test_an_erasure_empties_a_reason_and_changes_nothing_else(self, change: str) -> None:
        entry = audit.record(None, CHANGE, ProductFactory(), reason="broken")
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('audit.erasure', 'on', true)")
            cursor.execute(f"UPDATE audit_entry SET {change}")
        assert Entry.objects.get().reason == "broken"
        audit.forget_reasons_on(Product, entry.object_id)
        assert Entry.objects.get().reason == ""
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            Entry.objects.update(reason="")  # the same transaction, after the verb

    def test_the_table_cannot_be_truncated(self, entry: Entry) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_not_emptied")
            with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
                cursor.execute("TRUNCATE audit_entry")
        assert Entry.objects.filter(pk=entry.pk).exists()

    def test_not_by_the_orm_either(self, entry: Entry) -> None:
        for change in (entry.delete, entry.save, Entry.objects.all().delete):
            with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
                change()

    def test_replica_mode_does_not_bypass_it(self, entry: Entry) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'audit_entry_stays'")
            assert cursor.fetchone() == ("A",)

    def test_entries_outlive_a_deleted_user(self) -> None:
        clerk = UserFactory(is_staff=True, email="foi@example.com")
        services.mark_shipped(order(), by=clerk)
        clerk.delete()
        assert Entry.objects.get(verb="order.ship").actor == "foi@example.com"


class TestWithTheChange:
    def test_a_rolled_back_change_leaves_no_entry(self) -> None:
        made, clerk = order(), UserFactory(is_staff=True)
        with pytest.raises(RuntimeError), transaction.atomic():
            services.mark_shipped(made, by=clerk)
            raise RuntimeError
        assert Order.objects.get(pk=made.pk).status == OrderStatus.PAID
        assert not Entry.objects.exists()

    def test_a_change_that_cannot_be_logged_is_not_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = order()
        monkeypatch.setattr(shipments, "SHIP", shipments.SHIP.__class__("x" * 50, "a name too long for its column"))
        with pytest.raises(DatabaseError), transaction.atomic():
            services.mark_shipped(made)
        assert Order.objects.get(pk=made.pk).status == OrderStatus.PAID

    def test_a_refund_is_logged_before_the_provider_is_called(self, sandbox) -> None:
        made = order_of(ready_cart())
        sandbox.fault("error", error_status=429, times=1)
        pay_back = {"amount": Decimal("1.00"), "reason": "torn", "restock": False, "idempotency_key": "k"}
        with pytest.raises(PaymentUnavailable):
            services.refund_order(made, **pay_back, by=UserFactory(is_staff=True, email="fin@example.com"))
        begun = Refund.objects.get()
        entry = Entry.objects.get(verb="refund.begin")
        assert (entry.object_id, entry.reference, entry.actor) == (str(begun.pk), made.number, "fin@example.com")

    def test_a_refused_refund_leaves_no_entry(self, sandbox) -> None:
        made = order_of(ready_cart())
        with pytest.raises(RefundRefused):
            services.refund_order(made, amount=Decimal("9999.00"), reason="much", restock=False, idempotency_key="k")
        assert not Entry.objects.filter(verb="refund.begin").exists()


class TestContents:
    def test_the_request_that_did_it(self, desk: Client) -> None:
        made = order()
        url = reverse("admin:checkout_order_do", args=[made.pk, "ship"])
        answer = desk.post(url, headers={"X-Request-ID": "req-12345678"})
        assert answer["X-Request-ID"] == "req-12345678"
        assert Entry.objects.get(verb="order.ship").request_id == "req-12345678"

    def test_no_contact_data_of_a_shopper(self) -> None:
        said = "Ana (ana@example.com, 11 98765-4321) paid with 4111 1111 1111 1111"
        audit.record(None, CHANGE, ProductFactory(), reason=said)
        reason = Entry.objects.get().reason
        assert reason.startswith("Ana (")
        assert not any(secret in reason for secret in ("ana@", "98765", "4111"))

    def test_a_shopper_is_identified_by_a_number(self, desk: Client) -> None:
        shopper = UserFactory(email="ana@example.com", full_name="Ana Souza")
        change_person(desk, shopper, full_name="Ana Lima", email="ana.lima@example.com")
        entry = Entry.objects.get(verb="row.change")
        assert entry.object_name == f"#{shopper.pk}"
        assert set(entry.after) == {"full_name", "email"}
        assert not any(word in f"{entry.before}{entry.after}" for word in ("Ana", "ana"))


def change_person(desk: Client, person, **changes) -> None:
    url = reverse("admin:accounts_user_change", args=[person.pk])
    form = desk.get(url).context["adminform"].form
    fields = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    kept = {name: value for name, value in fields.items() if value not in (None, "", False, [])}
    answer = desk.post(url, {**kept, **changes})
    assert answer.status_code == 302, answer.context["adminform"].form.errors


class TestAnUntouchedForm:
    """It was saved as it was opened: nobody has changed anything."""

    @pytest.mark.parametrize(
        "make",
        [ProductFactory, CategoryFactory, WarehouseFactory, ShippingMethodFactory, ShippingRateFactory, UserFactory,
         lambda: Group.objects.create(name="night shift")],
        ids=["product", "category", "warehouse", "method", "rate", "user", "group"],
    )  # fmt: skip
    def test_leaves_no_entry(self, desk: Client, make: Callable[[], Model]) -> None:
        row = make()
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        form = OpenForm(desk, url, f"{row._meta.model_name}_form")
        before = Entry.objects.count()
        assert form.send() == 302
        assert Entry.objects.count() == before

    def test_but_a_row_below_it_was_changed(self, boss: User, rf: RequestFactory) -> None:
        """The shop has no editable inline yet; this one is made for the test."""

        class RatesInline(admin.TabularInline[ShippingRate, ShippingMethod]):
            model = ShippingRate
            fields = ("price",)
            extra = 0

        class Page(Audited[ShippingMethod]):
            inlines = (RatesInline,)

        rate = ShippingRateFactory(price="10.00")
        page = Page(ShippingMethod, site)

        def send(data: dict[str, Any] | None = None) -> Any:
            request = rf.post("/", data) if data else rf.get("/")
            request.user = boss
            vars(request)["_messages"], vars(request)["_dont_enforce_csrf_checks"] = MagicMock(), True
            return page.changeform_view(request, str(rate.method_id))

        opened = OpenForm.__new__(OpenForm)
        opened._form = "shippingmethod_form"
        opened._read(send().render())
        assert send(opened.fields).status_code == 302
        assert not Entry.objects.exists()
        assert send({**opened.fields, "rates-0-price": "12.00"}).status_code == 302
        assert Entry.objects.get().after == {"rates": "…"}


class TestUsers:
    def test_permissions_granted_and_revoked(self, desk: Client) -> None:
        clerk = UserFactory(is_staff=False)
        group = Group.objects.create(name="night shift")
        rights = list(Permission.objects.filter(content_type__app_label="cart").order_by("pk")[:3])
        change_person(desk, clerk, is_staff="on", groups=[group.pk], user_permissions=[right.pk for right in rights])
        entry = Entry.objects.get(verb="row.change", object_type="accounts.user")
        assert entry.before == {"is_staff": False, "groups": [], "user_permissions": []}
        assert entry.after["groups"] == ["night shift"]
        assert entry.after["user_permissions"] == sorted(right.codename for right in rights)
        change_person(desk, clerk, is_staff="", groups=[], user_permissions=[])
        assert Entry.objects.first().before["groups"] == ["night shift"]

    def test_permissions_of_a_group(self, desk: Client) -> None:
        group = Group.objects.create(name="night shift")
        right = Permission.objects.get(codename="view_order")
        desk.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": group.name, "permissions": [right.pk]})
        entry = Entry.objects.get(object_type="auth.group")
        assert (entry.object_name, entry.after) == ("night shift", {"permissions": ["view_order"]})

    def test_the_end_of_a_password_has_its_reason(self, desk: Client) -> None:
        clerk = UserFactory(is_staff=True)
        url = reverse("admin:auth_user_password_change", args=[clerk.pk])
        assert desk.post(url, {"reason": "left their phone in a taxi"}).status_code == 302
        entry = Entry.objects.get(verb="account.invite")
        assert (entry.object_name, entry.reason) == (clerk.email, "left their phone in a taxi")
        assert (entry.before, entry.after) in (({}, {}), (None, None))

    def test_staff_added_and_removed(self) -> None:
        clerk = UserFactory(is_staff=True)
        client = Client()
        client.post(reverse("admin:login"), {"username": clerk.email, "password": PASSWORD})
        client.post(reverse("admin:logout"))
        assert list(Entry.objects.order_by("pk").values_list("verb", "actor")) == [
            ("account.sign_in", clerk.email),
            ("account.sign_out", clerk.email),
        ]

    def test_shoppers_are_not_logged(self) -> None:
        client_of(UserFactory()).post(reverse("accounts:sign_out"))
        assert not Entry.objects.exists()


class TestFailedSignIns:
    WRONG = "senha-que-nao-e-esta"

    def sign_in(self, name: str) -> int:
        return Client().post(reverse("admin:login"), {"username": name, "password": self.WRONG}).status_code

    def kept(self) -> list[str]:
        return list(
            Entry.objects.filter(verb="account.sign_in_failed").order_by("pk").values_list("object_name", flat=True)
        )

    def test_every_sign_in_form_logs_the_account_but_no_input(self) -> None:
        clerk, shopper = UserFactory(is_staff=True), UserFactory()
        self.sign_in(clerk.email.upper())
        typed = {"email": shopper.email, "password": self.WRONG}
        Client().post(reverse("accounts:sign_in"), typed)
        Client().post("/api/v1/tokens/", typed, content_type="application/json")
        self.sign_in("o-que-era-para-ser-a-senha")
        assert self.kept() == [clerk.email, f"#{shopper.pk}", f"#{shopper.pk}", ""]
        for entry in Entry.objects.all():
            assert (entry.actor, entry.actor_id, entry.object_type) == ("", None, "accounts.user")
            assert not any(word in str(vars(entry)) for word in (self.WRONG, "o-que-era", PASSWORD))

    def test_they_neither_flood_the_log_nor_hide_those_at_staff_accounts(self, settings) -> None:
        settings.RATE_LIMITS = {"sign_in_log": "2/d"}
        clerk, other = UserFactory(is_staff=True), UserFactory(is_staff=True)
        for name in ["nobody", UserFactory().email, "nobody", *[clerk.email] * 3, other.email]:
            self.sign_in(name)
        assert self.kept()[2:] == [clerk.email, clerk.email, other.email]
        assert len(self.kept()) == 5

    def test_they_are_not_attributed_to_the_shop(self, desk: Client) -> None:
        self.sign_in("nobody")
        page = reverse("admin:audit_entry_changelist")
        assert not desk.get(page, {"who": "shop"}).context["cl"].result_list
        assert ">someone</td>" in desk.get(page, {"verb": "account.sign_in_failed"}).content.decode()


class TestLogPages:
    def test_every_admin_writes_to_it(self) -> None:
        assert [model for model, made in site._registry.items() if not isinstance(made, Audited)] == []

    def test_what_a_form_changed(self, desk: Client) -> None:
        mug = ProductFactory(name="Caneca", category=CategoryFactory(name="Casa"))
        url = reverse("admin:inventory_product_change", args=[mug.pk])
        form = desk.get(url).context["adminform"].form
        fields = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        kept = {name: value for name, value in fields.items() if value not in (None, "")}
        other = CategoryFactory(name="Cozinha")
        desk.post(url, {**kept, "price": "12.50", "category": other.pk})
        entry = Entry.objects.get(verb="row.change")
        assert entry.before == {"price": "49.90", "category": "Casa"}
        assert entry.after == {"price": "12.50", "category": "Cozinha"}

    def test_what_was_added_and_deleted(self, desk: Client) -> None:
        desk.post(reverse("admin:inventory_category_add"), {"name": "Redes", "slug": "redes", "position": 1})
        made = Product.category.field.related_model.objects.get(slug="redes")
        desk.post(reverse("admin:inventory_category_delete", args=[made.pk]), {"post": "yes"})
        done = Entry.objects.filter(object_type="inventory.category").order_by("pk")
        assert list(done.values_list("verb", "object_name")) == [("row.add", "Redes"), ("row.delete", "Redes")]

    def test_an_objects_history_comes_from_the_log(self, desk: Client, entry: Entry) -> None:
        other = audit.record(None, CHANGE, ProductFactory())
        answer = desk.get(reverse("admin:inventory_product_history", args=[entry.object_id]), follow=True)
        assert [row.pk for row in answer.context["cl"].result_list] == [entry.pk] != [other.pk]

    def test_search_by_order_user_event_and_request(self, desk: Client, boss) -> None:
        made, clerk = order(), UserFactory(is_staff=True)
        services.mark_shipped(made, by=clerk)
        services.mark_shipped(order(), by=boss)
        (entry,) = Entry.objects.filter(actor=clerk.email)

        def found(**query: str) -> set[int]:
            answer = desk.get(reverse("admin:audit_entry_changelist"), query)
            assert answer.status_code == 200
            return {row.pk for row in answer.context["cl"].result_list}

        assert found(q=made.number) == {entry.pk}
        assert found(who=str(clerk.pk)) == {entry.pk}
        assert found(verb="order.ship") == set(Entry.objects.filter(verb="order.ship").values_list("pk", flat=True))
        assert found(who="shop") == set()

    def test_the_pages_are_read_only(self, desk: Client, entry: Entry) -> None:
        assert desk.get(reverse("admin:audit_entry_add")).status_code == 403
        assert desk.post(reverse("admin:audit_entry_change", args=[entry.pk]), {"reason": "x"}).status_code == 403
        assert desk.post(reverse("admin:audit_entry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
        assert Entry.objects.filter(pk=entry.pk, reason="").exists()
