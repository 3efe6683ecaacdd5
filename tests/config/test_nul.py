"""NUL, which PostgreSQL holds in no text: in addresses, cookies and forms it is refused before a query fails on it."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from config.accounts.models import User
from tests.support.api import App, assert_problem
from tests.support.staff import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]


@pytest.fixture
def staff(boss: User) -> Client:
    client = client_of(boss)
    client.raise_request_exception = False
    return client


@pytest.fixture
def shopper() -> Client:
    return Client(headers={"accept-language": "en"}, raise_request_exception=False)


@pytest.mark.parametrize("name", ["q", "status", "id__in"])
def test_lists_of_the_admin(staff: Client, name: str) -> None:
    for model in admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answer = staff.get(f"{address}?{name}=a%00b")
        assert answer.status_code == 400, address
        assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["checkout/order/by-number/a%00b/", "find-order/?q=%00", "checkout/order/?%00=1"])
def test_other_pages_of_the_admin(staff: Client, path: str) -> None:
    assert staff.get(f"/admin/{path}").status_code == 400


@pytest.mark.parametrize(
    "address",
    ["/?search=%00", "/?category=a%00", "/products/%00/", "/orders/%00/", "/cart/?postal_code=%00", "/?next=%00",
     "/account/password/%00/%00/", "/checkout/?edit=%00", "/orders/ABCDEFGHIJ/?token=%00", "/language/?next=%00"],
)  # fmt: skip
def test_pages_of_the_shop(shopper: Client, address: str) -> None:
    answer = shopper.get(address)
    assert answer.status_code == 400
    assert "We did not understand that" in answer.text


@pytest.mark.parametrize("path", ["products/?search=%00", "products/?page=%00", "products/a%00b/", "%00", "me/?a=%00"])
def test_the_api(app: App, path: str) -> None:
    problem = assert_problem(app.raw("GET", path, b""), 400, "invalid")
    assert problem["detail"] == "Remove the NUL character from the address."


def test_an_escaped_percent_sign_is_no_nul(app: App) -> None:
    assert app.raw("GET", "products/?search=%2500", b"").status_code == 200


def test_a_session_cookie_with_nul_is_none(shopper: Client) -> None:
    shopper.cookies.load('sessionid="\\000\\000\\000\\000\\000\\000\\000\\000"')
    assert shopper.get("/account/sign-in/").status_code == 200
    assert shopper.get("/orders/").status_code == 302
