"""`manage.py import_products`: files as exports and spreadsheets write them. Nothing sound is lost for an odd cell."""

import csv
import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from config.audit.models import Entry
from inventory import services
from inventory.models import Category, Product, Stock
from tests.support.factories.inventory import ProductFactory, WarehouseFactory

pytestmark = pytest.mark.django_db(transaction=True)

# A product whose row leaves nothing to assume.
SOUND = {
    "Handle": "vaso",
    "Title": "Vaso",
    "Variant Price": "10.00",
    "Variant Grams": "300",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "7",
}
RENAMED = {
    "Handle": "URL handle",
    "Variant Price": "Price",
    "Variant Grams": "Weight value (grams)",
    "Variant Inventory Tracker": "Inventory tracker",
    "Variant Inventory Qty": "Inventory quantity",
}


@pytest.fixture(autouse=True)
def warehouse():
    with translation.override("en"):
        yield WarehouseFactory(code="cajamar")


@pytest.fixture
def read(tmp_path, capsys):
    """Imports a file's text, bytes or rows; returns the exit code and what was reported."""

    def read(content, **options):
        path = tmp_path / "products.csv"
        if isinstance(content, list):
            content = as_csv(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        code, conclusion = 0, ""
        try:
            call_command("import_products", str(path), **options)
        except CommandError as ending:
            code, conclusion = ending.returncode, str(ending)
        shown = capsys.readouterr()
        return code, shown.out + shown.err + conclusion

    return read


def as_csv(rows, separator=","):
    columns = dict.fromkeys(column for row in rows for column in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def row(**cells):
    return SOUND | {name.replace("_", " "): value for name, value in cells.items()}


def variants(*options, **cells):
    return [row(Option1_Value=option, **cells) for option in options]


def on_hand():
    return dict(Stock.objects.values_list("product__sku", "on_hand"))


def test_nothing_is_assumed_of_a_sound_file(read):
    code, report = read([row()])
    assert (code, "Assumed" in report) == (0, False)
    assert on_hand() == {"VASO": 7}


@pytest.mark.parametrize(
    ("grams", "weight", "said"),
    [
        ("453.59237", 454, "Line 2, Variant Grams “453.59237”: read as 454 g."),
        ("0.2", 1, "read as 1 g"),
        ("330.0", 330, ""),
        ("0", 500, "Variant Grams “0”: no weight; a new product gets 500 g"),
        ("leve", 500, "Variant Grams “leve”: not a weight from 1 to 1000000 g"),
        ("9999999", 500, "Variant Grams “9999999”: not a weight"),
    ],
)
def test_a_weight_is_rounded_or_unknown(grams, weight, said, read):
    code, report = read([row(Variant_Grams=grams)])
    assert Product.objects.get().weight_grams == weight
    assert (code, "Assumed about weights (1)" in report) == ((3, True) if said else (0, False))
    assert said in report
    Product.objects.update(weight_grams=900)
    read([row(Variant_Grams=grams)])
    assert Product.objects.get().weight_grams == (900 if weight == 500 else weight)


@pytest.mark.parametrize(
    ("cells", "stock", "said"),
    [
        ({"Variant Inventory Qty": "-3"}, 0, "Variant Inventory Qty “-3”: more were sold than there were"),
        ({"Variant Inventory Qty": "0"}, 0, ""),
        ({"Variant Inventory Qty": "5.0"}, 5, ""),
        ({"Variant Inventory Qty": ""}, None, "Variant Inventory Qty “”: the quantity is not known"),
        ({"Variant Inventory Qty": "muitos"}, None, "the quantity is not known; the stock stays as it is"),
        ({"Variant Inventory Qty": "2.5"}, None, "the quantity is not known"),
        ({"Variant Inventory Qty": "9999999"}, None, "the quantity is not known"),
        ({"Variant Inventory Tracker": "", "Variant Inventory Qty": "0"}, None, "its stock was not tracked;"),
        ({"Variant Inventory Tracker": "", "Variant Inventory Qty": "-9"}, None, "its stock was not tracked;"),
        ({"Variant Inventory Tracker": "", "Variant Inventory Qty": "4"}, 4, "not tracked, but this quantity is taken"),
        ({"Variant Inventory Qty": "0", "Variant Inventory Policy": "continue"}, 0, "sold out until it has stock"),
    ],
)
def test_a_quantity_that_is_not_known_is_not_zero(cells, stock, said, read):
    code, report = read([SOUND | cells])
    assert on_hand() == ({} if stock is None else {"VASO": stock})
    assert said in report
    assert code == (3 if said else 0)
    services.set_stock("VASO", 7)
    read([SOUND | cells], update_stock=True)
    assert on_hand() == {"VASO": 7 if stock is None else stock}


def test_a_file_without_quantities_leaves_all_stock_as_it_is(read):
    read([row()])
    code, report = read([{name: cell for name, cell in SOUND.items() if "Inventory" not in name}], update_stock=True)
    assert on_hand() == {"VASO": 7}
    assert (code, "Whole file: no column of quantities" in report) == (3, True)


def test_options_that_make_the_same_sku_are_two_products(read):
    both = variants("+1.50", "-1.50", Handle="lente", Title="Lente")
    code, report = read(both)
    assert (code, "Line 3: another variant's handle and options make the same SKU" in report) == (3, True)
    of_name = dict(Product.objects.values_list("name", "sku"))
    assert of_name.keys() == {"Lente – +1.50", "Lente – -1.50"}
    assert of_name["Lente – +1.50"] == "LENTE-150"
    assert len(set(Product.objects.values_list("slug", flat=True))) == 2
    # In any order, and each for itself, they stay who they are.
    for file in (both[::-1], both[:1], both[1:], [*variants("15.0", Handle="lente", Title="Lente"), *both]):
        read(file)
        assert of_name.items() <= dict(Product.objects.values_list("name", "sku")).items()
    assert Product.objects.count() == 3


def test_a_variant_alone_does_not_take_the_product_of_another(read):
    """A lens of another strength: its file has only one of the two."""
    read(variants("+1.50", Handle="lente", Title="Lente"))
    read(variants("-1.50", Handle="lente", Title="Lente"))
    assert set(Product.objects.values_list("name", flat=True)) == {"Lente – +1.50", "Lente – -1.50"}


def test_what_people_correct_in_an_option_stays_the_same_product(read):
    read(variants("algodao", Handle="camisa", Title="Camisa"))
    read(variants("Algodão", Handle="camisa", Title="Camisa polo"))
    assert Product.objects.get().name == "Camisa polo – Algodão"


def test_other_scripts_make_skus_and_addresses(read):
    file = [
        *variants("黒", "白", Handle="シャツ", Title="シャツ"),
        row(Handle="красный", Title="К"),
        row(Handle="★", Title="★"),
    ]
    assert read(file)[0] == 0
    assert Product.objects.count() == 4
    slugs = dict(Product.objects.values_list("name", "slug"))
    assert slugs["К"] == "krasnyy"
    assert all(slug.isascii() for slug in slugs.values())
    assert "4 unchanged" in read(file)[1]


def test_products_keep_the_skus_that_earlier_releases_made(read):
    """They dropped other scripts' letters, and of two variants with the same SKU they imported the first."""
    ProductFactory(sku="SMRBRD", slug="smrbrd", name="Smørbrød")
    ProductFactory(sku="CAMISA", slug="camisa", name="Camisa – 黒")
    ProductFactory(sku="LENTE-150", slug="lente-150", name="Lente – -1.50")
    file = [
        row(Handle="smørbrød", Title="Smørbrød"),
        *variants("白", "黒", Handle="camisa", Title="Camisa"),
        *variants("+1.50", "-1.50", Handle="lente", Title="Lente"),
    ]
    read(file)
    skus = dict(Product.objects.values_list("name", "sku"))
    assert skus.items() >= {"Smørbrød": "SMRBRD", "Camisa – 黒": "CAMISA", "Lente – -1.50": "LENTE-150"}.items()
    assert skus.keys() == {"Smørbrød", "Camisa – 黒", "Camisa – 白", "Lente – +1.50", "Lente – -1.50"}
    assert "0 created, 0 changed, 5 unchanged, 0 stock entries set" in read(file)[1]


def test_a_copied_product_has_products_of_its_own(read):
    original = variants("P", "M", Variant_SKU="CAM-1", Status="draft")
    copy = variants("P", "M", Handle="vaso-1", Variant_SKU="CAM-1", Status="active")
    code, report = read([*original, *copy])
    assert (code, "Assumed about SKUs (3)" in report) == (3, True)
    assert "Line 2: the SKU CAM-1 is another variant's too; this one is kept under CAM-1-" in report
    slugs = dict(Product.objects.values_list("slug", "sku"))
    assert slugs.keys() == {"vaso-p", "vaso-m", "vaso-1-p", "vaso-1-m"}
    assert slugs["vaso-1-p"] == "CAM-1"  # on sale
    another = variants("P", Handle="vaso-2", Variant_SKU="CAM-1")
    for file in ([*copy, *original], original, copy[::-1], [*another, *copy]):
        read(file)
        assert slugs.items() <= dict(Product.objects.values_list("slug", "sku")).items()
    assert Product.objects.count() == 5


def test_a_line_that_stands_twice_is_read_once(read):
    code, report = read([row(), row()])
    assert (code, Product.objects.count()) == (3, 1)
    assert "Line 3: the same as line 2; read once." in report


def test_variants_may_stand_above_the_row_with_their_title(read):
    first, second = variants("M", "P", Type="Vasos")
    read([second | {"Title": "", "Type": ""}, first])
    assert set(Product.objects.values_list("name", "category__name")) == {("Vaso – P", "Vasos"), ("Vaso – M", "Vasos")}


def test_a_product_without_a_handle_gets_one_of_its_title(read):
    code, report = read([row(Handle="")])
    assert (code, Product.objects.get().slug) == (3, "vaso")
    assert "Line 2: no handle; vaso is made of its title." in report


def test_names_and_skus_that_are_too_long_are_cut(read):
    code, report = read(variants("P", "M", Title="x" * 230, Variant_SKU="S" * 70 + "\u200b"))
    assert (code, Product.objects.count()) == (3, 2)
    for name, sku in Product.objects.values_list("name", "sku"):
        assert (len(name), name[-5:]) in ((200, "… – P"), (200, "… – M"))
        assert len(sku) == 64
    assert "its name is longer than 200 characters and is cut" in report


def test_a_sku_that_a_spreadsheet_rounded_is_reported(read):
    _code, report = read(variants("P", "M", Variant_SKU="7.89E+12"))
    assert Product.objects.count() == 2
    assert "Line 2, 3, Variant SKU “7.89E+12”: a spreadsheet seems to have rounded it" in report


def test_a_price_of_zero_is_imported_but_not_sold(read):
    code, report = read([row(Variant_Price="0.00", Published="true")])
    product = Product.objects.get()
    assert (code, product.active, product.price) == (3, False, Decimal("0.00"))
    assert "Line 2, Variant Price “0.00”: a price of zero is not a price; it is not for sale" in report
    read([row(Variant_Price="12.00", Published="true")])
    assert Product.objects.get().active


@pytest.mark.parametrize(
    ("cells", "active", "said"),
    [
        ({"Published": "VERDADEIRO"}, True, ""),
        ({"Published": "FALSO"}, False, ""),
        ({"Published": ""}, True, ""),
        ({"Published": "talvez"}, False, "Line 2, Published “talvez”: neither true nor false; it is not for sale"),
        ({"Status": "archived"}, False, ""),
        ({"Status": "à venda"}, False, "Line 2, Status “à venda”: an unknown status; it is not for sale"),
    ],
)
def test_it_is_for_sale_if_the_file_says_so_in_any_language(cells, active, said, read):
    code, report = read([SOUND | cells])
    assert (code, Product.objects.get().active) == (3 if said else 0, active)
    assert said in report


def test_the_capitals_of_a_type_stay(read):
    Category.objects.create(name="Camisetas", slug="camisetas")
    types = ("T-Shirts", "LED", "moda praia", "服", "CAMISETAS")
    read([row(Handle=f"p{place}", Type=name) for place, name in enumerate(types)])
    names = set(Category.objects.values_list("name", flat=True))
    assert names == {"T-Shirts", "LED", "Moda praia", "服", "Camisetas"}


def test_bodies_of_any_length_are_read(read):
    picture = f'<img src="data:image/png;base64,{"A" * 200_000}">'
    assert read([row(**{"Body (HTML)": f"{picture}<p>{'á' * 150_000}</p>"})])[0] == 0
    assert Product.objects.get().description == "á" * 150_000


def test_the_columns_of_the_newer_template_are_known(read):
    code, _report = read(
        [
            {RENAMED.get(name, name): cell for name, cell in row(Option1_value="P").items()}
            | {"Description": "<p>Barro</p>", "Published on online store": "TRUE", "SKU": "V-1", "Status": "active"}
        ]
    )
    product = Product.objects.get()
    assert (code, product.sku, product.name, product.description) == (0, "V-1", "Vaso – P", "Barro")
    assert (product.price, product.weight_grams, on_hand()) == (Decimal("10.00"), 300, {"V-1": 7})


def test_the_newer_template_tells_what_is_sold_without_stock(read):
    cells = {RENAMED.get(name, name): cell for name, cell in SOUND.items()}
    code, report = read([cells | {"Inventory quantity": "0", "Continue selling when out of stock": "TRUE"}])
    assert (code, "Inventory quantity “0”: it was sold without stock" in report) == (3, True)


BRAZILIAN = [
    row(Handle="vaso", Title="Vaso de cerâmica", Variant_Price="10,50", Published="VERDADEIRO", Type="Decoração"),
    row(Handle="lencol", Title="Lençol de algodão", Variant_Price="1.050", Variant_Grams="1.200,5", Published="FALSO"),
    row(Handle="xicara", Title="Xícara às bolinhas", Variant_Price=" R$ 1.299,90 ", Published="VERDADEIRO"),
]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp1252", "its characters are read as cp1252"),
        ("mac_roman", "its characters are read as mac-roman"),
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
    ],
)
@pytest.mark.parametrize("first_line", ["", "sep=;\r\n"])
def test_a_file_as_a_brazilian_spreadsheet_saves_it(encoding, said, first_line, read):
    code, report = read((first_line + as_csv(BRAZILIAN, ";")).encode(encoding))
    assert code == 3
    assert set(Product.objects.values_list("name", "price", "weight_grams", "active")) == {
        ("Vaso de cerâmica", Decimal("10.50"), 300, True),
        ("Lençol de algodão", Decimal("1050.00"), 1201, False),
        ("Xícara às bolinhas", Decimal("1299.90"), 300, True),
    }
    assert "Whole file: cells are separated by “;”." in report
    assert "Whole file: decimals are written with a comma." in report
    assert f"Line {4 if first_line else 3}, Variant Price “1.050”: read as 1050.00." in report
    assert said in report
    assert ("its characters are read as" in report) == bool(said)
    assert "0 created, 0 changed, 3 unchanged" in read(as_csv(BRAZILIAN, ";").encode(encoding))[1]


def test_tabulators_and_other_scripts_of_old_encodings_are_read(read):
    text = as_csv([row(Title="黒いシャツ 綿100%"), row(Title="白い靴 とても軽い", Handle="kutsu")], "\t")
    code, report = read(text.encode("cp932"))
    assert (code, "cells are separated by tabs" in report) == (3, True)
    assert set(Product.objects.values_list("name", flat=True)) == {"黒いシャツ 綿100%", "白い靴 とても軽い"}


def test_a_stray_byte_does_not_make_the_rest_unreadable(read):
    text = as_csv([row(Handle="lencol", Title="Lençol de algodão às flores"), row(Title="Vaso de cer#mica")])
    code, report = read(text.encode().replace(b"#", b"\xe2"))
    assert code == 3
    names = set(Product.objects.values_list("name", flat=True))
    assert names == {"Lençol de algodão às flores", "Vaso de cer\ufffdmica"}
    assert "Line 3: characters that cannot be read are shown as \ufffd." in report


def test_a_price_has_two_decimals(read):
    code, report = read([row(Variant_Price="10.9950"), row(Handle="copo", Variant_Price="10.5000")])
    assert (code, "Line 2, Variant Price “10.9950”: read as 11.00." in report) == (3, True)
    assert "Assumed about prices (1)" in report


@pytest.mark.parametrize(
    ("others", "price"),
    [
        (("10.50",), "1050.00"),
        (("1.234.567,00",), "1.05"),
        (("10",), None),
        (("10.50", "10,50"), None),
    ],
)
def test_an_ambiguous_price_is_read_as_the_file_writes_its_others(others, price, read):
    rows = [row(Handle=f"p{place}", Variant_Price=other) for place, other in enumerate(others)]
    code, report = read([*rows, row(Variant_Price="1,050")])
    found = Product.objects.filter(sku="VASO").values_list("price", flat=True)
    assert list(found) == ([Decimal(price)] if price else [])
    assert code == (3 if price else 1)
    said = f"Variant Price “1,050”: read as {price}" if price else "the price “1,050” can be read in two ways"
    assert said in report


def test_the_report_is_in_the_readers_language_and_counted(read):
    with translation.override("pt-br"):
        heavy = row(Variant_Grams="453.59237")
        code, report = read([heavy, heavy | {"Handle": "copo"}])
    assert code == 3
    assert "Suposições sobre pesos (2):" in report
    assert "Linha 2, 3, Variant Grams “453.59237”: lido como 454 g." in report
    assert "Todas as linhas foram lidas, com as suposições acima (2). Confira-as." in report


def test_long_reports_are_cut_unless_asked_for(read):
    file = [row(Handle=f"p{place}", Variant_Grams=f"{place}.5") for place in range(1, 31)]
    _code, report = read(file)
    assert "and 10 more; --verbosity 2 shows all." in report
    assert "“30.5”" not in report
    assert "“30.5”" in read(file, verbosity=2)[1]


def test_staff_see_what_was_imported_refused_and_assumed(read, client, django_user_model):
    read([row(Variant_Inventory_Qty="-3"), row(Handle="copo", Variant_Price="dez")], dry_run=True)
    assert not Entry.objects.exists()
    read([row(Variant_Inventory_Qty="-3"), row(Handle="copo", Variant_Price="dez")])
    entry = Entry.objects.get()
    assert (entry.verb, entry.reason) == ("product.import", "products.csv")
    client.force_login(django_user_model.objects.create_superuser("chefe@example.com", password="x" * 12))
    page = client.get("/admin/audit/entry/").content.decode()
    for fact in ("importou produtos", "products.csv", "created: – → 1", "refused: – → 1", "assumed: stock: – → 1"):
        assert fact in page
