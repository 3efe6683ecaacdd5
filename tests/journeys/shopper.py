"""A shopper at a browser, in terms of what they do. Nothing here sleeps; it waits only for what they see."""

import re
from decimal import Decimal

from django.core import mail
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import FrameLocator, Locator, Page, expect

from config.accounts import tasks as account_tasks
from config.accounts.models import SignUp
from config.formats import money
from tests.support.factories.accounts import PASSWORD

GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
ASKING_CARD = "4000 0027 6000 3184"  # the bank requires 3-D Secure

CONTACT = {
    "E-mail": "ana@example.com",
    "Full name": "Ana Souza",
    "CEP (postal code)": "01310-200",
    "Street": "Avenida Paulista",
    "Number": "1000",
    "Flat, block, landmark": "ap. 12",
    "District": "Bela Vista",
    "City": "São Paulo",
    "Phone": "(11) 98765-4321",
}
# The provider's fields are not in the shop's translations.
CARD_LABELS = {
    "pt-br": ("Número do cartão", "Validade (MM/AA)", "Código de segurança"),
    "en": ("Card number", "Expiry date (MM/YY)", "Security code"),
}


class Shopper:
    """`language` is the language they read; texts are given by their English original."""

    def __init__(self, page: Page, address: str, language: str, *, touch: bool = False) -> None:
        self.page = page
        self.address = address
        self.language = language
        self._touch = touch

    # --- Words ---

    def words(self, text: str, **values: object) -> str:
        """`text` as this shopper reads it."""
        with translation.override(self.language):
            return gettext(text) % values if values else gettext(text)

    def money(self, amount: str | Decimal) -> str:
        with translation.override(self.language):
            return money(amount)

    # --- Looking ---

    def open(self, path: str = "/") -> None:
        self.page.goto(self.address + path)

    def sees(self, text: str, **values: object) -> None:
        """Waits until it is somewhere on the page."""
        expect(self.page.get_by_text(self.words(text, **values)).locator("visible=true").first).to_be_visible()

    def sees_heading(self, text: str, **values: object) -> None:
        expect(self.heading(text, **values)).to_be_visible()

    def heading(self, text: str, **values: object) -> Locator:
        return self.page.get_by_role("heading", name=self.words(text, **values))

    def sees_total(self, amount: str) -> None:
        """The large, visible total of the cart, the checkout or the order."""
        expect(self._total()).to_have_text(amount)

    def total(self) -> str:
        return self._total().inner_text()

    def _total(self) -> Locator:
        return self.page.locator("dd.sums__total").locator("visible=true").first

    def counts_in_cart(self, number: int) -> None:
        badge = self.page.locator("#cart-link .badge")
        if number:
            expect(badge).to_have_text(str(number))
        else:
            expect(self.page.locator("#cart-link")).to_be_visible()
            expect(badge).to_have_count(0)

    # --- Pressing ---

    def press(self, what: Locator) -> None:
        """Taps on a touch screen, clicks elsewhere. Until its styles are there, a page shows what it hides."""
        self.page.wait_for_load_state()
        what.tap() if self._touch else what.click()

    def button(self, text: str, **values: object) -> Locator:
        return self.page.get_by_role("button", name=self.words(text, **values), exact=True)

    def link(self, text: str, **values: object) -> Locator:
        return self.page.get_by_role("link", name=self.words(text, **values), exact=True)

    # --- The shop window and the cart ---

    def search(self, text: str) -> None:
        field = self.page.get_by_role("searchbox")
        field.fill(text)
        field.press("Enter")
        self.sees_heading("Results for “%(search)s”", search=text)

    def look_at(self, name: str) -> None:
        self.press(self.page.get_by_role("link", name=name))
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        self.page.wait_for_load_state()

    def put_into_cart(self) -> None:
        self.press(self.button("Add to cart"))
        self.sees("Added to your cart. You now have %(quantity)s of these.", quantity=1)

    def go_to_cart(self) -> None:
        self.open("/cart/") if self.page.url == "about:blank" else self.press(self.page.locator("#cart-link"))
        self.sees_heading("Your cart")

    def quantity_of(self, name: str) -> Locator:
        return self.page.get_by_role("spinbutton", name=self.words("Quantity of %(name)s", name=name))

    def one_more_of(self, name: str) -> None:
        group = self.page.get_by_role("group", name=self.words("Quantity of %(name)s", name=name))
        self.press(group.get_by_role("button", name=self.words("One more")))

    def set_quantity(self, name: str, quantity: int) -> None:
        self.quantity_of(name).fill(str(quantity))
        self.quantity_of(name).press("Tab")

    def ask_for_delivery_to(self, postal_code: str) -> None:
        self.page.get_by_label(self.words("CEP (postal code)")).fill(postal_code)
        self.press(self.button("See prices"))

    # --- The checkout page ---

    def check_out(self) -> None:
        self.press(self.link("Check out"))
        self.sees_heading("Checkout")

    def field(self, label: str) -> Locator:
        """A field of the open part by its label, which may end in "(optional)"."""
        pattern = re.compile(rf"^\s*{re.escape(self.words(label))}(\s*\(|\s*$)")
        return self.page.locator(".step--open").get_by_label(pattern)

    def tell_who_and_where(self, **changes: str) -> None:
        """Fills in what is still empty and continues. The CEP fills in the state."""
        for label, text in {**CONTACT, **changes}.items():
            if not self.field(label).input_value():
                self.field(label).fill(text)
        expect(self.field("State")).to_have_value("SP")
        self.press(self.button("Continue to delivery"))

    def choose_delivery(self, name: str = "") -> None:
        expect(self.page.locator("#delivery.step--open")).to_be_visible()
        if name:
            self.press(self.page.locator("#delivery .choice", has_text=name))
        self.press(self.button("Continue to payment"))

    def is_asked_to_pay(self) -> None:
        expect(self.page.locator("#payment.step--open")).to_be_visible()

    # --- Paying ---

    @property
    def pay_button(self) -> Locator:
        start = self.words("Pay %(amount)s", amount="R$").replace("$", r"\$")
        return self.page.get_by_role("button", name=re.compile(f"^{start}"))

    @property
    def card_fields(self) -> FrameLocator:
        return self.page.frame_locator("#card-fields iframe")

    def type_card(self, number: str) -> None:
        for label, text in zip(CARD_LABELS[self.language], (number, "12/40", "123"), strict=True):
            self.card_fields.get_by_label(label).fill(text)

    def pay_by_card(self, number: str) -> None:
        self.is_asked_to_pay()
        self.type_card(number)
        self.press(self.pay_button)

    def choose_pix(self) -> None:
        self.is_asked_to_pay()
        self.page.get_by_role("radio", name=re.compile("^Pix")).check()

    def pay_with_pix(self) -> None:
        self.choose_pix()
        self.press(self.pay_button)

    def pays_in_bank_app(self, provider: str, reference: str) -> None:
        """In a second tab; the first one stays open."""
        bank = self.page.context.new_page()
        bank.goto(f"{provider}/_sandbox/pix/{reference}")
        bank.get_by_role("button", name=re.compile("^(Pagar|Pay) ")).click()
        expect(bank.get_by_text(re.compile("^(Pagamento feito|Paid)"))).to_be_visible()
        bank.close()

    def answers_the_bank(self, *, yes: bool) -> None:
        """On the bank's own page, to which the shop has redirected."""
        answer = re.compile("^(Sim|Yes)") if yes else re.compile("^(Não|No,)")
        self.press(self.page.get_by_role("button", name=answer))

    def is_thanked(self) -> str:
        """Returns the order number from the thank-you page."""
        self.sees_heading("Thank you! Your order is paid.")
        return self.page.locator(".status strong.numbers").inner_text()

    # --- The account ---

    def sign_in(self, email: str, password: str) -> None:
        self.page.get_by_label(self.words("E-mail")).fill(email)
        self.page.get_by_label(self.words("Password"), exact=True).fill(password)
        self.press(self.page.locator("main").get_by_role("button", name=self.words("Sign in"), exact=True))

    def opens_the_mailed_account(self, name: str) -> None:
        """After asking for an account: opens the link, which a worker mails."""
        self.sees_heading("Check your e-mail")
        account_tasks.send_sign_up(str(SignUp.objects.get().pk))
        self.open(re.search(r"/account/sign-up/\S+", mail.outbox[-1].body)[0])
        self.page.get_by_label(self.words("Full name")).fill(name)
        self.page.get_by_label(self.words("Password"), exact=True).fill(PASSWORD)
        self.press(self.button("Create account"))
        self.sees("Welcome, %(name)s. Your account is ready.", name=name.split()[0])

    def switch_language(self, to: str) -> None:
        self.page.locator(f"button[name=language][value={to}]").click()
        self.language = to
        expect(self.page.locator("html")).to_have_attribute("lang", {"pt-br": "pt-BR", "en": "en"}[to])
