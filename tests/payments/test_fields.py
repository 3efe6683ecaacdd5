"""The stand-in for the provider's script, in a real browser, under the shop's content security policy."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Page, expect

from payments.gateways import gateway
from tests.payments.requests import a_charge
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.journey

PAGE = """<!doctype html><html lang="{locale}"><head><meta charset="utf-8"><link rel="icon" href="data:,">
<title>Checkout</title><script src="{base}/v3/"></script><script src="/pay.js" defer></script></head>
<body><main><h1>Checkout</h1><div id="card"></div><button>Pay</button><output></output></main></body></html>"""
SCRIPT = """
const stripe = Stripe("pk_test_sandbox");
const card = stripe.elements({locale: document.documentElement.lang}).create("card");
card.on("change", (event) => { document.body.dataset.complete = event.complete; });
card.mount("#card");
document.querySelector("button").addEventListener("click", async () => {
  const answer = await stripe.createPaymentMethod({type: "card", card, billing_details: {name: "Ana Souza"}});
  document.querySelector("output").textContent = answer.error ? answer.error.message : answer.paymentMethod.id;
});
"""


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Headless Chromium sends no Accept-Language, unlike a shopper's browser."""
    return {**browser_context_args, "locale": "en-US"}


@pytest.fixture
def checkout(page: Page, sandbox: Sandbox) -> Any:
    """Opens a page with the card fields; every console error fails the test."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    origin = sandbox.base_url
    policy = (
        f"default-src 'self'; script-src 'self' {origin}; style-src 'self'; img-src 'self' data:;"
        f" connect-src 'self' {origin}; frame-src {origin}; form-action 'self'; base-uri 'none';"
        " object-src 'none'; frame-ancestors 'none'"
    )

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            locale = self.path.strip("/")
            script = locale == "pay.js"
            body = SCRIPT if script else PAGE.format(locale=locale, base=origin)
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args: object) -> None:
            pass

    # On the loopback like the sandbox: browsers keep pages of other hosts from accessing it.
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()

    def open_page(locale: str) -> FrameLocator:
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/{locale}")
        return page.frame_locator("#card iframe")

    yield open_page
    server.shutdown()
    thread.join()
    server.server_close()
    assert errors == []


def type_card(fields: FrameLocator, number: str, labels: tuple[str, str, str]) -> None:
    for label, text in zip(labels, (number, "12 / 2040", "123"), strict=True):
        fields.get_by_label(label).fill(text)


EN = ("Card number", "Expiry date (MM/YY)", "Security code")
PT = ("Número do cartão", "Validade (MM/AA)", "Código de segurança")


@pytest.mark.parametrize(("locale", "labels"), [("en", EN), ("pt-BR", PT)])
def test_a_card_becomes_a_token(page: Page, checkout: Any, sandbox: Sandbox, locale: str, labels: Any) -> None:
    fields = checkout(locale)
    type_card(fields, "4242-4242 42424242", labels)
    fields.get_by_label(labels[0]).blur()
    expect(fields.get_by_label(labels[0])).to_have_value("4242 4242 4242 4242")
    expect(page.locator("body")).to_have_attribute("data-complete", "true")
    page.get_by_role("button", name="Pay").click()

    expect(page.locator("output")).to_contain_text("pm_")


@pytest.mark.parametrize(
    ("locale", "labels", "message"),
    [("en", EN, "This card number is not valid."), ("pt-BR", PT, "Esse número de cartão não existe.")],
)
def test_a_mistyped_number_is_reported_at_its_field(
    page: Page, checkout: Any, locale: str, labels: Any, message: str
) -> None:
    fields = checkout(locale)
    type_card(fields, "4242424242424241", labels)
    page.get_by_role("button", name="Pay").click()

    expect(page.locator("output")).to_contain_text(message)
    expect(fields.get_by_label(labels[0])).to_have_attribute("aria-invalid", "true")
    expect(fields.get_by_label(labels[0])).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_fields_fit_a_phone_and_are_accessible(page: Page, checkout: Any, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    fields = checkout("en")
    page.get_by_role("button", name="Pay").click()
    expect(fields.get_by_text("Enter the card number")).to_be_visible()

    frame = page.locator("#card iframe")
    inner = fields.locator("body").evaluate("body => body.scrollHeight")
    assert frame.bounding_box()["height"] >= inner - 1
    assert violations(page) == []
    page.goto(frame.get_attribute("src"))
    # A frame needs no heading of its own; opened alone it lacks the dark page behind it.
    allowed = {"page-has-heading-one"} | ({"color-contrast"} if scheme == "dark" else set())
    assert set(violations(page)) <= allowed


def violations(page: Page) -> list[str]:
    return [violation["id"] for violation in Axe().run(page).response["violations"]]


def test_the_bank_challenges_and_redirects_back(page: Page, sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge("pm_card_authenticationRequired", return_url=f"{sandbox.base_url}/v3/"))
    assert outcome.action is not None
    page.goto(outcome.action.url)
    assert violations(page) == []
    page.get_by_role("button", name="Yes, authorize").click()
    page.wait_for_url(f"{sandbox.base_url}/v3/?payment_intent={outcome.provider_reference}&*redirect_status=succeeded")
    page.goto(outcome.action.url)
    expect(page.get_by_role("link", name="Back to the shop")).to_be_visible()


def test_a_pix_is_paid_in_the_banks_app(page: Page, sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge("pix"))
    address = f"{sandbox.base_url}/_sandbox/pix/{outcome.provider_reference}"
    page.goto(address)
    page.get_by_role("button", name="Pay R$").click()
    expect(page.get_by_text("Paid.")).to_be_visible()
    assert gateway().retrieve(outcome.provider_reference).kind == "approved"
