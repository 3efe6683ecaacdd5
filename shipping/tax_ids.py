"""Brazilian tax ids of people (CPF) and companies (CNPJ): reading, checking, showing.

A stored tax id is normalised: the 11 digits of a CPF, or the 14 characters of a CNPJ, which since July 2026 may have
capital letters. Documents show it masked. Whoever sends it back as masked means the one that is stored.
"""

import re
import unicodedata

from django.conf import settings
from stdnum.br import cnpj, cpf
from stdnum.exceptions import ValidationError

from shipping.exceptions import InvalidTaxId, TaxIdRequired

REQUIRED, OPTIONAL, OFF = "required", "optional", "off"
# The values of the setting TAX_ID.
POLICIES = (REQUIRED, OPTIONAL, OFF)
MAX_LENGTH = 14
# As typed, with spaces and all kinds of signs in between.
MAX_TYPED = 40

# Spaces, dots, slashes and all kinds of dashes that keyboards and spreadsheets insert.
_SEPARATORS = re.compile(r"[\s./\u00ad\u2010-\u2015\u2212\u200b\ufeff-]+")
_CHECKS = {11: cpf, 14: cnpj}


def normalise(text: str) -> str:
    """The CPF or CNPJ in `text`, in any common notation. Raises InvalidTaxId, also if a check digit is wrong."""
    compact = bare(text[:MAX_TYPED])
    check = _CHECKS.get(len(compact))
    # A number of one repeated character has the right check digits, yet none is issued.
    if len(text) > MAX_TYPED or check is None or not compact.isascii() or len(set(compact)) == 1:
        raise InvalidTaxId(field="tax_id")
    try:
        check.validate(compact)
    except ValidationError:
        raise InvalidTaxId(field="tax_id") from None
    return compact


def bare(text: str) -> str:
    """What is left of `text` without spaces and signs, unchecked."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def read(text: str) -> str:
    """What was typed, normalised, or as it is if it is masked. Raises InvalidTaxId."""
    return text if is_masked(text) else normalise(text)


def by_policy(tax_id: str) -> str:
    """What is kept of a tax id under the setting TAX_ID: nothing if it is off.

    Raises TaxIdRequired if one is required and there is none.
    """
    if settings.TAX_ID == OFF:
        return ""
    if settings.TAX_ID == REQUIRED and not tax_id:
        raise TaxIdRequired(field="tax_id")
    return tax_id


def is_masked(text: str) -> bool:
    return "*" in text


def kind(tax_id: str) -> str:
    """`CPF` or `CNPJ`; empty without a tax id."""
    return {11: "CPF", 14: "CNPJ"}.get(len(tax_id), "")


def display(tax_id: str) -> str:
    """A normalised tax id formatted as 529.982.247-25 or 11.222.333/0001-81."""
    if len(tax_id) == 11:
        return f"{tax_id[:3]}.{tax_id[3:6]}.{tax_id[6:9]}-{tax_id[9:]}"
    if len(tax_id) == 14:
        return f"{tax_id[:2]}.{tax_id[2:5]}.{tax_id[5:8]}/{tax_id[8:12]}-{tax_id[12:]}"
    return ""


def masked(tax_id: str) -> str:
    """A normalised tax id as documents show it: ***.982.247-** or **.222.333/****-**. Empty without one."""
    if len(tax_id) == 11:
        return display(f"***{tax_id[3:9]}**")
    if len(tax_id) == 14:
        return display(f"**{tax_id[2:8]}******")
    return ""
