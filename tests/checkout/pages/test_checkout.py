"""The checkout page without JavaScript: what a shopper types and sees, and what is kept when something is refused.

The provider is the sandbox. The tests play the part of its script, which turns card data into a token.
"""

import re
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.utils import timezone

from cart.models import Cart
from checkout.models import Order, OrderStatus
from inventory.models import Product, Stock
from payments.models import PaymentAttempt
from shipping.models import Quote
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, DECLINED, VISA
from tests.support.pages import Page, Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("static_files_from_apps", "sandbox")]

TYPED = {
    "email": "ana@example.com",
    "name": "Ana Souza",
    "postal_code": "01310-200",
    "street": "Avenida Paulista",
    "number": "1578",
    "district": "Bela Vista",
    "city": "São Paulo",
    "state": "SP",
    "phone": "(11) 98765-4321",
}


@pytest.fixture
def product() -> Product:
    flat_shipping("10.00")
    return ProductFactory(name="Rede", price=Decimal("99.80"), stock=10)


def checkout_of(visitor: Visitor, product: Product, quantity: int = 1) -> Page:
    visitor.open(f"/products/{product.slug}/").send("/cart/add/", quantity=str(quantity))
    return visitor.open("/checkout/")


def at_payment(visitor: Visitor, product: Product) -> Page:
    page = checkout_of(visitor, product).send("/checkout/contact/", **TYPED)
    return page.send("/checkout/delivery/")


def pay_by_card(page: Page, token: str = VISA) -> Page:
    return page.send("/checkout/pay/", method="card", payment_method=token)


class TestParts:
    def test_an_empty_cart_cannot_check_out(self, visitor: Visitor) -> None:
        assert visitor.open("/checkout/").url == "/cart/"

    def test_one_part_is_open_at_a_time_and_finished_ones_collapse(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product)
        assert [form.action for form in page.forms] == ["/checkout/contact/"]
        page = page.send("/checkout/contact/", **TYPED)
        assert [form.action for form in page.forms] == ["/checkout/delivery/"]
        assert "Avenida Paulista, 1578" in page.html
        page = page.send("/checkout/delivery/")
        assert [form.action for form in page.forms] == ["/checkout/pay/"]
        assert "Pay R$\u00a0109.80" in page.html

    def test_a_finished_part_builds_no_form(self, visitor: Visitor, product: Product, monkeypatch) -> None:
        at_payment(visitor, product)
        monkeypatch.setattr("checkout.views.page.DeliveryForm", lambda **_options: pytest.fail("built for nothing"))
        assert visitor.open("/checkout/").form("/checkout/pay/")

    def test_a_finished_part_can_be_changed(self, visitor: Visitor, product: Product) -> None:
        at_payment(visitor, product)
        page = visitor.open("/checkout/?edit=contact")
        assert page.form("/checkout/contact/").fields["street"] == "Avenida Paulista"
        page = page.send("/checkout/contact/", street="Rua Augusta")
        assert "Rua Augusta" in page.html
        assert [form.action for form in page.forms] == ["/checkout/pay/"], "the same CEP keeps its delivery"

    def test_it_links_to_the_cart_and_help_only(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product)
        links = set(re.findall(r'<a [^>]*href="([^"#]+)', page.html))
        assert links == {"/help/", "/cart/", "/account/sign-in/?next=/checkout/"}

    def test_the_total_is_visible_in_every_part(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product)
        assert "R$\u00a099.80" in page.html
        page = page.send("/checkout/contact/", **TYPED)
        page = page.send("/checkout/delivery/")
        assert "R$\u00a0109.80" in page.html

    def test_freight_chosen_in_the_cart_is_kept(self, visitor: Visitor, product: Product) -> None:
        checkout_of(visitor, product)
        visitor.open("/cart/").send("/cart/delivery/", postal_code="01310200")
        page = visitor.open("/checkout/")
        assert page.form("/checkout/contact/").fields["postal_code"] == "01310-200"
        assert page.form("/checkout/contact/").fields["state"] == "SP"
        page = page.send("/checkout/contact/", **TYPED)
        assert [form.action for form in page.forms] == ["/checkout/pay/"]

    @pytest.mark.parametrize("path", ["contact", "delivery", "pay"])
    def test_reloading_a_parts_url_is_safe(self, visitor: Visitor, product: Product, path: str) -> None:
        checkout_of(visitor, product)
        assert visitor.open(f"/checkout/{path}/").url == "/checkout/"


class TestContact:
    def test_input_is_kept_and_each_error_is_shown_at_its_field_and_in_the_summary(
        self, visitor: Visitor, product: Product
    ) -> None:
        wrong = {**TYPED, "email": "ana@", "postal_code": "0131", "phone": "12", "number": ""}
        page = checkout_of(visitor, product).send("/checkout/contact/", **wrong)
        assert page.status == 422
        fields = page.form("/checkout/contact/").fields
        assert {name: fields[name] for name in wrong} == wrong
        assert "4 things need your attention" in page.html
        for name in ("email", "postal_code", "phone", "number"):
            assert f'href="#id_{name}"' in page.html
            assert f'id="id_{name}_error"' in page.html
            assert re.search(rf'id="id_{name}"[^>]*aria-describedby="[^"]*id_{name}_error', page.html) or re.search(
                rf'aria-describedby="[^"]*id_{name}_error[^>]*id="id_{name}"', page.html
            )

    def test_the_cep_fills_in_the_state(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **{**TYPED, "state": ""})
        assert "São Paulo – SP, 01310-200" in page.html

    def test_a_state_that_contradicts_the_cep_is_an_error(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **{**TYPED, "state": "RJ"})
        assert page.status == 422
        assert 'id="id_state_error"' in page.html
        assert page.form("/checkout/contact/").fields["street"] == "Avenida Paulista"

    def test_without_scripts_a_button_looks_up_the_cep(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product)
        page = page.send("/checkout/contact/", email="ana@example.com", postal_code="20040-002", look_up="1")
        fields = page.form("/checkout/contact/").fields
        assert (fields["email"], fields["postal_code"], fields["state"]) == ("ana@example.com", "20040-002", "RJ")
        assert "need your attention" not in page.html

    @pytest.mark.usefixtures("look_up_services")
    def test_without_scripts_the_button_fills_in_what_is_empty(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product).send(
            "/checkout/contact/", postal_code="01310-200", district="Cerqueira César", look_up="1"
        )
        fields = page.form("/checkout/contact/").fields
        assert [fields[name] for name in ("street", "district", "city", "state")] == [
            "Avenida Paulista", "Cerqueira César", "São Paulo", "SP",
        ]  # fmt: skip

    @pytest.mark.usefixtures("look_up_services")
    @pytest.mark.parametrize(("cep", "word"), [("36325-000", "One CEP for the whole town"), ("01310-999", "not know")])
    def test_without_scripts_the_page_says_what_a_cep_does_not_tell(
        self, visitor: Visitor, product: Product, cep: str, word: str
    ) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", postal_code=cep, look_up="1")
        assert page.status == 200
        assert word in re.sub(r'data-cep-\w+="[^"]*"', "", page.html)
        assert page.form("/checkout/contact/").fields["postal_code"] == cep

    @pytest.mark.parametrize("phone", ["11987654321", "+55 11 98765-4321", "(11) 3333-4444", ""])
    def test_phone_formats_are_accepted(self, visitor: Visitor, product: Product, phone: str) -> None:
        checkout_of(visitor, product).send("/checkout/contact/", **{**TYPED, "phone": phone})
        assert Cart.objects.get().phone in ("11987654321", "1133334444", "")

    @pytest.mark.parametrize(
        ("field", "typed"),
        [
            ("email", f"{'a' * 243}@example.com"),
            ("name", "Ana\r\nSouza"),
            ("street", "Avenida\x07Paulista"),
            ("phone", "(11)\n98765-4321"),
        ],
    )
    def test_what_does_not_fit_is_refused_at_its_field(
        self, visitor: Visitor, product: Product, field: str, typed: str
    ) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **{**TYPED, field: typed})
        assert page.status == 422
        assert f'id="id_{field}_error"' in page.html

    def test_the_longest_email_fits(self, visitor: Visitor, product: Product) -> None:
        longest = f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 61}.com"[:254]
        checkout_of(visitor, product).send("/checkout/contact/", **{**TYPED, "email": longest})
        assert Cart.objects.get().email == longest

    def test_fields_set_input_mode_and_autocomplete(self, visitor: Visitor, product: Product) -> None:
        html = checkout_of(visitor, product).html
        for name, token in {
            "email": "email", "name": "shipping name", "postal_code": "shipping postal-code",
            "street": "shipping address-line1", "phone": "tel-national",
        }.items():  # fmt: skip
            (field,) = re.findall(rf'<input [^>]*id="id_{name}"[^>]*>', html)
            assert f'autocomplete="{token}"' in field
        assert re.search(r'<input type="email"[^>]*id="id_email"', html)
        assert re.search(r'<input type="tel"[^>]*id="id_phone"', html)

    def test_an_account_fills_in_its_last_address(self, visitor: Visitor, product: Product) -> None:
        user = UserFactory(full_name="Ana da Conta")
        visitor.open("/account/sign-in/").send("/account/sign-in/", email=user.email, password=PASSWORD)
        page = checkout_of(visitor, product)
        assert page.form("/checkout/contact/").fields["email"] == user.email
        assert page.form("/checkout/contact/").fields["name"] == "Ana da Conta"
        page = page.send("/checkout/contact/", **TYPED).send("/checkout/delivery/")
        assert pay_by_card(page).url.startswith("/orders/")
        page = checkout_of(visitor, product)
        assert page.form("/checkout/contact/").fields["street"] == "Avenida Paulista"


class TestTaxId:
    """The recipient's CPF or CNPJ."""

    CPF, MASKED = "529.982.247-25", "***.982.247-**"

    def test_it_is_kept_whole_and_shown_masked_until_after_the_order(self, visitor: Visitor, product: Product) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **TYPED, tax_id=self.CPF)
        pages = [
            page,
            visitor.open("/checkout/?edit=contact"),
            pay_by_card(visitor.open("/checkout/").send("/checkout/delivery/")),
        ]
        order = Order.objects.get()
        assert order.tax_id == "52998224725"
        for page in pages:
            assert self.MASKED in page.html
            assert self.CPF not in page.html
            assert order.tax_id not in page.html

    def test_the_form_sends_back_what_it_shows(self, visitor: Visitor, product: Product) -> None:
        checkout_of(visitor, product).send("/checkout/contact/", **TYPED, tax_id=self.CPF)
        edited = visitor.open("/checkout/?edit=contact").send("/checkout/contact/", number="1000")
        assert edited.status == 200
        cart = Cart.objects.get()
        assert (cart.street_number, cart.tax_id) == ("1000", "52998224725")

    @pytest.mark.parametrize("typed", ["529.982.247-24", "***.111.111-**", "123"])
    def test_a_wrong_one_is_an_error_at_its_field(self, visitor: Visitor, product: Product, typed: str) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **TYPED, tax_id=typed)
        assert page.status == 422
        assert 'id="id_tax_id_error"' in page.html
        assert page.form("/checkout/contact/").fields["tax_id"] == typed

    def test_it_is_optional_unless_the_shop_requires_it(self, visitor: Visitor, product: Product, settings) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **TYPED)
        assert page.status == 200
        settings.TAX_ID = "required"
        page = visitor.open("/checkout/")
        assert page.form("/checkout/contact/").fields["tax_id"] == "", "asked for before the payment"
        page = page.send("/checkout/contact/")
        assert page.status == 422
        assert page.html.count("Enter the recipient&#x27;s CPF or CNPJ.") >= 2
        assert page.send("/checkout/contact/", tax_id=self.CPF).status == 200

    def test_a_payment_page_of_before_leads_back_to_it(self, visitor: Visitor, product: Product, settings) -> None:
        page = checkout_of(visitor, product).send("/checkout/contact/", **TYPED).send("/checkout/delivery/")
        settings.TAX_ID = "required"
        assert pay_by_card(page).form("/checkout/contact/").fields["tax_id"] == ""
        assert Cart.objects.get().status == "open"

    def test_a_shop_that_does_not_want_it_has_no_field(self, visitor: Visitor, product: Product, settings) -> None:
        settings.TAX_ID = "off"
        page = checkout_of(visitor, product)
        assert "tax_id" not in page.form("/checkout/contact/").fields
        page.send("/checkout/contact/", **TYPED, tax_id=self.CPF)
        assert Cart.objects.get().tax_id == ""

    def test_who_comes_back_need_not_type_it_again(self, visitor: Visitor, product: Product) -> None:
        user = UserFactory()
        visitor.client.force_login(user)
        order = pay_by_card(
            checkout_of(visitor, product)
            .send("/checkout/contact/", **TYPED, tax_id=self.CPF)
            .send("/checkout/delivery/")
        )
        assert order.status == 200
        again = checkout_of(visitor, product)
        assert again.form("/checkout/contact/").fields["tax_id"] == self.MASKED
        again.send("/checkout/contact/", number="1000")
        assert Cart.objects.live().get().tax_id == "52998224725"


class TestPaying:
    def test_a_card_makes_a_paid_order_and_says_thank_you(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = pay_by_card(at_payment(visitor, product))
        order = Order.objects.get()
        assert order.status == OrderStatus.PAID
        assert order.language == "en"
        assert page.url == f"/orders/{order.number}/"
        assert "Thank you! Your order is paid." in page.html
        assert "ana@example.com" in page.html
        assert sandbox.ledger()["captured"] == 10980
        assert "Cart, empty" in page.html

    def test_pix_works_without_scripts(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product).send("/checkout/pay/", method="pix")
        assert "Pay R$\u00a0109.80 with Pix" in page.html
        attempt = PaymentAttempt.objects.get()
        assert attempt.action["qr_code"] in page.html
        assert '<meta http-equiv="refresh"' in page.html
        assert sandbox.pay_pix(attempt.provider_reference)
        visitor.client.get(f"{page.url}progress/?{page.query}&was=pix")
        assert "Thank you! Your order is paid." in visitor.open(f"{page.url}?{page.query}").html

    def test_a_declined_card_reopens_the_cart(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = pay_by_card(at_payment(visitor, product), DECLINED)
        assert page.status == 402
        assert "The bank declined this card. Nothing was charged." in page.html
        assert sandbox.ledger()["captured"] == 0
        page = pay_by_card(page)
        assert "Thank you!" in page.html
        assert sandbox.ledger()["captured"] == 10980

    def test_a_form_sent_twice_places_one_order(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product)
        first, second = pay_by_card(page), pay_by_card(page)
        assert first.url == second.url
        assert Order.objects.count() == 1
        assert sandbox.ledger()["captured"] == 10980

    def test_a_declined_form_sent_again_is_not_charged_again(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product)
        pay_by_card(page, DECLINED)
        again = pay_by_card(page, DECLINED)
        assert again.status == 402
        assert PaymentAttempt.objects.count() == 1

    def test_a_missing_card_token_is_explained(self, visitor: Visitor, product: Product) -> None:
        page = at_payment(visitor, product).send("/checkout/pay/", method="card")
        assert page.status == 422
        assert "did not reach the payment provider" in page.html
        assert not Order.objects.exists()

    def test_an_invalid_token_is_refused(self, visitor: Visitor, product: Product) -> None:
        page = pay_by_card(at_payment(visitor, product), "4242424242424242")
        assert "We cannot use this payment method" in page.html
        assert "4242424242424242" not in page.html
        assert not Order.objects.exists()

    def test_a_higher_price_has_to_be_confirmed(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product)
        Product.objects.filter(pk=product.pk).update(price=Decimal("120.00"))
        cache.delete_pattern("*")
        page = pay_by_card(page)
        assert page.status == 409
        assert "changed from R$\u00a0109.80 to R$\u00a0130.00" in page.html
        assert sandbox.ledger()["captured"] == 0
        pay_by_card(page)
        assert Order.objects.get().total == Decimal("130.00")

    def test_a_lower_price_is_passed_on(self, visitor: Visitor, product: Product) -> None:
        page = at_payment(visitor, product)
        Product.objects.filter(pk=product.pk).update(price=Decimal("50.00"))
        cache.delete_pattern("*")
        assert "Thank you!" in pay_by_card(page).html
        assert Order.objects.get().total == Decimal("60.00")

    def test_goods_that_just_sold_out_are_marked_in_the_cart(self, visitor: Visitor, product: Product) -> None:
        page = at_payment(visitor, product)
        Stock.objects.filter(product=product).update(on_hand=0)
        page = pay_by_card(page)
        assert page.url == "/cart/"
        assert "Nothing was charged" in page.html or "Your cart has just changed" in page.html
        assert not Order.objects.exists()

    def test_an_expired_quote_has_to_be_chosen_again(self, visitor: Visitor, product: Product) -> None:
        page = at_payment(visitor, product)
        Quote.objects.update(expires_at=timezone.now())
        page = pay_by_card(page)
        assert page.url == "/checkout/"
        assert [form.action for form in page.forms] == ["/checkout/delivery/"]
        assert "Thank you!" in pay_by_card(page.send("/checkout/delivery/")).html

    def test_a_stale_tab_of_another_cart_orders_nothing(self, visitor: Visitor, product: Product) -> None:
        old = at_payment(visitor, product)
        assert "Thank you!" in pay_by_card(old).html
        at_payment(visitor, product)
        page = pay_by_card(old)
        assert "This page was out of date." in page.html
        assert Order.objects.count() == 1

    def test_a_provider_outage_is_explained_and_input_is_kept(
        self, visitor: Visitor, product: Product, settings
    ) -> None:
        page = at_payment(visitor, product)
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        page = pay_by_card(page)
        assert page.status == 503
        assert "Payments are not available right now. Nothing was charged." in page.html
        assert [form.action for form in page.forms] == ["/checkout/pay/"]

    def test_the_language_of_the_page_is_the_language_of_the_order(self, product: Product) -> None:
        page = pay_by_card(at_payment(Visitor("pt-BR"), product))
        assert Order.objects.get().language == "pt-br"
        assert "Obrigado! Seu pedido está pago." in page.html


class TestThreeDSecure:
    def test_the_bank_is_one_step_away(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = pay_by_card(at_payment(visitor, product), AUTHENTICATE)
        attempt = PaymentAttempt.objects.get()
        assert "Your bank needs to confirm it is you" in page.html
        assert f'http-equiv="refresh" content="1; url={attempt.action["url"]}"' in page.html
        again = visitor.open(f"{page.url}?token={Order.objects.get().token}")
        assert 'content="1; url=' not in again.html, "a returning shopper is not redirected again"

    def test_confirmed_at_the_bank_is_paid(self, visitor: Visitor, product: Product, sandbox) -> None:
        pay_by_card(at_payment(visitor, product), AUTHENTICATE)
        back = sandbox.answer_challenge(PaymentAttempt.objects.get().provider_reference, authenticate=True)
        page = visitor.open(back.removeprefix("http://127.0.0.1:8000"))
        assert "Thank you! Your order is paid." in page.html

    def test_refused_at_the_bank_reopens_the_cart(self, visitor: Visitor, product: Product, sandbox) -> None:
        pay_by_card(at_payment(visitor, product), AUTHENTICATE)
        back = sandbox.answer_challenge(PaymentAttempt.objects.get().provider_reference, authenticate=False)
        page = visitor.open(back.removeprefix("http://127.0.0.1:8000"))
        assert page.url == "/checkout/"
        assert "Your bank did not confirm the payment. Nothing was charged." in page.html
        assert "Thank you!" in pay_by_card(page).html


class TestPending:
    def test_unknown_is_not_failed(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product)
        sandbox.fault("lost_answer", times=1)
        page = pay_by_card(page)
        assert "Checking with your bank" in page.html
        assert "please do not pay again" in page.html
        assert visitor.open("/checkout/").url == page.url, "the cart's payment cannot be started twice"

    def test_progress_is_empty_until_something_changes(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product).send("/checkout/pay/", method="pix")
        address = f"{page.url}progress/?{page.query}&was=pix"
        assert visitor.client.get(address).status_code == 204
        assert sandbox.pay_pix(PaymentAttempt.objects.get().provider_reference)
        cache.delete_pattern("asked:*")
        answer = visitor.client.get(address)
        assert answer["HX-Refresh"] == "true"

    def test_polling_rarely_asks_the_provider(self, visitor: Visitor, product: Product, monkeypatch) -> None:
        page = at_payment(visitor, product).send("/checkout/pay/", method="pix")
        asked = []
        monkeypatch.setattr("checkout.ask_provider.refresh", lambda order: asked.append(order) or order)
        for _ in range(5):
            visitor.client.get(f"{page.url}progress/?{page.query}&was=pix")
        assert len(asked) == 1

    def test_pix_can_be_replaced_by_a_card(self, visitor: Visitor, product: Product, sandbox) -> None:
        page = at_payment(visitor, product).send("/checkout/pay/", method="pix")
        assert "A payment for this cart is in progress" in visitor.open("/cart/").html
        form = next(form for form in page.forms if "another-way" in form.action)
        page = page.send(form.action)
        assert page.url == "/checkout/"
        assert "Thank you!" in pay_by_card(page).html
        assert sandbox.ledger()["captured"] == 10980
