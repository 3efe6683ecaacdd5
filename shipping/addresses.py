"""Delivery address and contact: a value object, and the model columns that store it."""

from dataclasses import asdict, dataclass, replace

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.exceptions import Refusal
from shipping import postal_codes, tax_ids


@dataclass(frozen=True)
class Address:
    """A postal address in Brazil. `postal_code` is eight digits, `state` two capital letters, `country` ISO 3166."""

    name: str
    street: str
    number: str
    district: str
    city: str
    state: str
    postal_code: str
    complement: str = ""
    country: str = "BR"


def checked(address: Address) -> Address:
    """The address with its postal code as eight digits.

    Raises InvalidPostalCode, or Refusal if the state does not match the postal code.
    """
    postal_code = postal_codes.normalise(address.postal_code)
    state = postal_codes.state_of(postal_code)
    if state != address.state:
        raise Refusal(
            _("This postal code (CEP) is not in the selected state. Check both."),
            field="state",
            postal_code_state=state,
        )
    return address if postal_code == address.postal_code else replace(address, postal_code=postal_code)


ADDRESS_COLUMNS = (
    "name", "street", "street_number", "complement", "district", "city", "state", "postal_code", "country",
)  # fmt: skip
# Everything by which a delivery names a person. A country is none; a postal code may be one street.
PERSONAL_COLUMNS = ("email", "phone", "tax_id", *(column for column in ADDRESS_COLUMNS if column != "country"))


class DeliveryFields(models.Model):
    """Delivery columns of a document: the cart, and the order placed from it."""

    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    tax_id = models.CharField(_("CPF or CNPJ"), max_length=tax_ids.MAX_LENGTH, blank=True, default="", db_default="")
    street = models.CharField(_("street"), max_length=120, blank=True)
    street_number = models.CharField(_("number"), max_length=20, blank=True)
    complement = models.CharField(_("complement"), max_length=80, blank=True)
    district = models.CharField(_("district"), max_length=80, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=2, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=8, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)

    class Meta:
        abstract = True

    @property
    def masked_tax_id(self) -> str:
        return tax_ids.masked(self.tax_id)

    @property
    def tax_id_kind(self) -> str:
        """`CPF` or `CNPJ`; empty without a tax id."""
        return tax_ids.kind(self.tax_id)

    @property
    def address(self) -> Address | None:
        """The address, or None if not yet entered. A postal code alone is not an address."""
        if not self.street:
            return None
        columns = self.address_columns()
        return Address(number=columns.pop("street_number"), **columns)

    @address.setter
    def address(self, address: Address) -> None:
        values = asdict(address)
        self.street_number = values.pop("number")
        for column, value in values.items():
            setattr(self, column, value)

    def address_columns(self) -> dict[str, str]:
        """The address columns as a dict, to copy to another document."""
        return {column: getattr(self, column) for column in ADDRESS_COLUMNS}
