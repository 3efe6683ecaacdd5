"""Addresses of the stand-in look-up services, in the shapes of ViaCEP and BrasilAPI.

It knows the postal codes of some landmarks and small towns, and makes up an address in the right state for all others.
Codes that end in 999 do not exist; those that end in 000, in one of five ranges, are of a whole town.
"""

import re
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

_EIGHT_DIGITS = re.compile(r"[0-9]{8}", re.ASCII)
_NOT_FOUND = "CEP NAO ENCONTRADO"

# First and last five digits, state, its capital, and a town of it that has a single code.
RANGES = (
    (1000, 19999, "SP", "São Paulo", "Descalvado"),
    (20000, 28999, "RJ", "Rio de Janeiro", "Paraty"),
    (29000, 29999, "ES", "Vitória", "Santa Teresa"),
    (30000, 39999, "MG", "Belo Horizonte", "Tiradentes"),
    (40000, 48999, "BA", "Salvador", "Lençóis"),
    (49000, 49999, "SE", "Aracaju", "Laranjeiras"),
    (50000, 56999, "PE", "Recife", "Ipojuca"),
    (57000, 57999, "AL", "Maceió", "Piranhas"),
    (58000, 58999, "PB", "João Pessoa", "Areia"),
    (59000, 59999, "RN", "Natal", "Tibau do Sul"),
    (60000, 63999, "CE", "Fortaleza", "Jijoca de Jericoacoara"),
    (64000, 64999, "PI", "Teresina", "Oeiras"),
    (65000, 65999, "MA", "São Luís", "Barreirinhas"),
    (66000, 68899, "PA", "Belém", "Salvaterra"),
    (68900, 68999, "AP", "Macapá", "Mazagão"),
    (69000, 69299, "AM", "Manaus", "Presidente Figueiredo"),
    (69300, 69399, "RR", "Boa Vista", "Pacaraima"),
    (69400, 69899, "AM", "Manaus", "Novo Airão"),
    (69900, 69999, "AC", "Rio Branco", "Xapuri"),
    (70000, 72799, "DF", "Brasília", "Brasília"),
    (72800, 72999, "GO", "Goiânia", "Cristalina"),
    (73000, 73699, "DF", "Brasília", "Brasília"),
    (73700, 76799, "GO", "Goiânia", "Pirenópolis"),
    (76800, 76999, "RO", "Porto Velho", "Guajará-Mirim"),
    (77000, 77999, "TO", "Palmas", "Mateiros"),
    (78000, 78899, "MT", "Cuiabá", "Chapada dos Guimarães"),
    (79000, 79999, "MS", "Campo Grande", "Bonito"),
    (80000, 87999, "PR", "Curitiba", "Morretes"),
    (88000, 89999, "SC", "Florianópolis", "Urubici"),
    (90000, 99999, "RS", "Porto Alegre", "Cambará do Sul"),
)
STREETS = (
    "Rua das Flores", "Rua Sete de Setembro", "Avenida Brasil", "Rua Quinze de Novembro", "Rua Tiradentes",
    "Avenida Getúlio Vargas", "Rua Dom Pedro II", "Rua São José", "Travessa do Comércio", "Rua Castro Alves",
)  # fmt: skip
DISTRICTS = ("Centro", "Jardim América", "Vila Nova", "Boa Vista", "São Francisco", "Santo Antônio", "Bela Vista")


@dataclass(frozen=True, slots=True)
class Place:
    """`street` and `district` are empty for the code of a whole town."""

    state: str
    city: str
    district: str = ""
    street: str = ""


LANDMARKS = {
    "01001000": Place("SP", "São Paulo", "Sé", "Praça da Sé"),
    "01310100": Place("SP", "São Paulo", "Bela Vista", "Avenida Paulista"),
    "01310200": Place("SP", "São Paulo", "Bela Vista", "Avenida Paulista"),
    "20040002": Place("RJ", "Rio de Janeiro", "Centro", "Avenida Rio Branco"),
    "22021001": Place("RJ", "Rio de Janeiro", "Copacabana", "Avenida Atlântica"),
    "30140010": Place("MG", "Belo Horizonte", "Funcionários", "Praça da Liberdade"),
    "40026280": Place("BA", "Salvador", "Pelourinho", "Largo do Pelourinho"),
    "60165121": Place("CE", "Fortaleza", "Meireles", "Avenida Beira Mar"),
    "69010001": Place("AM", "Manaus", "Centro", "Avenida Eduardo Ribeiro"),
    "70150900": Place("DF", "Brasília", "Zona Cívico-Administrativa", "Praça dos Três Poderes"),
    "80210390": Place("PR", "Curitiba", "Jardim Botânico", "Rua Engenheiro Ostoja Roguski"),
    "90010282": Place("RS", "Porto Alegre", "Centro Histórico", "Praça Marechal Deodoro"),
    "13690000": Place("SP", "Descalvado"),
    "23970000": Place("RJ", "Paraty"),
    "36325000": Place("MG", "Tiradentes"),
    "39100000": Place("MG", "Diamantina"),
}


def place_of(postal_code: str) -> Place | None:
    """The place behind eight digits; None if there is none."""
    if postal_code in LANDMARKS:
        return LANDMARKS[postal_code]
    prefix, suffix = int(postal_code[:5]), postal_code[5:]
    of_state = next((row for row in RANGES if row[0] <= prefix <= row[1]), None)
    if of_state is None or suffix == "999":
        return None
    _first, _last, state, capital, town = of_state
    if suffix == "000" and prefix % 5 == 0:
        return Place(state, town)
    return Place(state, capital, DISTRICTS[prefix % len(DISTRICTS)], STREETS[int(postal_code) % len(STREETS)])


def viacep(text: str) -> tuple[int, Document | None]:
    """Status and document of `/ws/{text}/json/`; no document stands for its page of HTML."""
    if not _EIGHT_DIGITS.fullmatch(text):
        return 400, None
    place = place_of(text)
    if place is None:
        return 200, {"erro": "true"}
    return 200, {
        "cep": f"{text[:5]}-{text[5:]}",
        "logradouro": place.street,
        "complemento": "",
        "unidade": "",
        "bairro": place.district,
        "localidade": place.city,
        "uf": place.state,
    }


def brasilapi(text: str) -> tuple[int, Document]:
    """Status and document of `/api/cep/v2/{text}`."""
    if not _EIGHT_DIGITS.fullmatch(text):
        return 400, _error("CEP deve conter exatamente 8 caracteres.", "validation_error", "CEP inválido.")
    place = place_of(text)
    if place is None:
        return 404, _error("Todos os serviços de CEP retornaram erro.", "service_error", _NOT_FOUND)
    return 200, {
        "cep": text,
        "state": place.state,
        "city": place.city,
        "neighborhood": place.district or None,
        "street": place.street or None,
        "service": "open-cep",
        "location": {"type": "Point", "coordinates": {}},
    }


def brasilapi_cut_off() -> tuple[int, Document]:
    """What it answers if it reaches none of the services that it asks: 404, as for a code that does not exist."""
    reason = "Erro ao se conectar com o serviço ViaCEP."
    return 404, _error("Todos os serviços de CEP retornaram erro.", "service_error", reason)


def _error(message: str, kind: str, cause: str) -> Document:
    return {
        "name": "CepPromiseError",
        "message": message,
        "type": kind,
        "errors": [{"name": "ServiceError", "message": cause, "service": "viacep"}],
    }
