"""`manage.py import_products`: Shopify's CSV, good and bad."""

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from inventory import catalogue, reservations, services
from inventory.models import Category, Product, Stock
from tests.support.factories.inventory import ProductFactory, WarehouseFactory
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

SAMPLE = Path(__file__).parent / "data" / "shopify-sample.csv"


@pytest.fixture(autouse=True)
def warehouse():
    with translation.override("en"):
        yield WarehouseFactory(code="cajamar")


@pytest.fixture
def sheet(tmp_path):
    """Writes a CSV of these rows (dictionaries by column) and returns its path."""

    def write(
        *rows, columns=("Handle", "Title", "Option1 Value", "Variant SKU", "Variant Inventory Qty", "Variant Price")
    ):
        path = tmp_path / "products.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*columns, *({key for row in rows for key in row} - set(columns))])
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def row(handle="vaso", title="Vaso", price="10.00", **more):
    return {"Handle": handle, "Title": title, "Variant Price": price, **more}


def import_file(path, capsys=None, **options):
    """Files that leave something out are read with assumptions, which an exit code of their own tells."""
    try:
        call_command("import_products", str(path), **options)
    except CommandError as ending:
        if ending.returncode != 3:
            raise
    return capsys.readouterr().out if capsys else ""


def state():
    return [list(model.objects.order_by("id").values()) for model in (Product, Stock, Category)]


def test_variants_become_products_for_sale(capsys):
    out = import_file(SAMPLE, capsys)
    assert "6 created, 0 changed, 0 unchanged, 6 stock entries set." in out
    assert "6 of 6 products" in out
    found = {
        product.sku: (product.name, product.price, product.weight_grams, product.active, product.available_quantity)
        for product in Product.objects.with_available()
    }
    assert found == {
        "AVENTAL-DE-LINHO": ("Avental de linho", Decimal("79.90"), 500, True, 12),
        "JAQUETA-DE-SARJA-P-AZUL": ("Jaqueta de sarja – P / Azul", Decimal("249.00"), 650, True, 3),
        "JAQUETA-DE-SARJA-M-AZUL": ("Jaqueta de sarja – M / Azul", Decimal("249.00"), 700, True, 0),
        "JAQ-M-AREIA": ("Jaqueta de sarja – M / Areia", Decimal("259.50"), 700, True, 5),
        "BULE-FORA-DE-LINHA": ("Bule fora de linha", Decimal("99.00"), 500, False, 1),
        "RASCUNHO": ("Rascunho de produto", Decimal("10.00"), 500, False, 1),
    }
    assert list(Category.objects.values_list("slug", "name")) == [
        ("cozinha", "Cozinha"),
        ("casacos", "Casacos"),
    ]
    assert catalogue.product_by_slug("jaqueta-de-sarja-m-areia").description == "Corte reto e forro leve."
    with transaction.atomic():
        product = Product.objects.get(sku="JAQ-M-AREIA")
        reservations.reserve("order", {product.id: 5}, expires_at=timezone.now() + timedelta(minutes=5))


def test_markup_becomes_text():
    import_file(SAMPLE)
    text = Product.objects.get(sku="AVENTAL-DE-LINHO").description
    assert text == "Linho lavado,\nalça ajustável.\n• Dois bolsos\n• Lava & seca"


def test_a_second_run_changes_nothing(capsys):
    import_file(SAMPLE)
    before = state()
    assert "0 created, 0 changed, 6 unchanged, 0 stock entries set." in import_file(SAMPLE, capsys)
    assert state() == before


def test_a_dry_run_writes_nothing_and_says_what_it_would_do(capsys):
    before = state()
    out = import_file(SAMPLE, capsys, dry_run=True)
    assert "Dry run: nothing was written. The result would have been:\n6 created" in out
    assert state() == before
    import_file(SAMPLE)
    before = state()
    assert "6 unchanged" in import_file(SAMPLE, capsys, dry_run=True)
    assert state() == before


def test_a_changed_row_changes_its_product_and_what_the_shop_shows(sheet):
    import_file(sheet(row(price="10.00"), row("copo", "Copo")))
    assert catalogue.product_by_slug("vaso").price == Decimal("10.00")
    assert catalogue.catalogue_page().count == 2
    Product.objects.filter(sku="VASO").update(weight_grams=900)
    import_file(sheet(row(price="12.00", Published="false"), row("copo", "Copo")))
    product = Product.objects.get(sku="VASO")
    assert (product.price, product.active, product.weight_grams) == (Decimal("12.00"), False, 900)
    assert catalogue.catalogue_page().count == 1
    assert Product.objects.count() == 2


def test_existing_stock_stays_unless_asked_otherwise(sheet, capsys):
    def imported(quantity, **options):
        return import_file(sheet(row(**{"Variant Inventory Qty": quantity})), capsys, **options)

    def on_hand():
        return Stock.objects.get().on_hand

    imported("10")
    services.set_stock("VASO", 4)
    assert "was kept (1): VASO" in imported("10")
    assert on_hand() == 4
    assert "1 stock entries set" in imported("10", update_stock=True)
    assert on_hand() == 10
    product = Product.objects.get()
    with transaction.atomic():
        reservations.reserve("held", {product.id: 6}, expires_at=timezone.now() + timedelta(minutes=5))
    assert "VASO" in imported("5", update_stock=True)
    assert on_hand() == 10
    imported("6", update_stock=True)
    assert on_hand() == 6


def test_what_the_file_does_not_say_is_kept(sheet):
    """Without its columns, a product taken off sale was put back on sale and lost its description."""
    import_file(sheet(row(**{"Body (HTML)": "Feito à mão.", "Published": "false"})))
    import_file(sheet(row(price="12.00")))
    product = Product.objects.get(sku="VASO")
    assert (product.price, product.description, product.active) == (Decimal("12.00"), "Feito à mão.", False)


def test_a_price_in_the_shops_currency_is_not_written_to_a_product_of_another(sheet, capsys):
    import_file(sheet(row(price="10.00")))
    Product.objects.update(currency="USD")
    capsys.readouterr()
    assert "keep their price (1): VASO" in import_file(sheet(row(price="55.00", title="Vaso azul")), capsys)
    product = Product.objects.get()
    assert (product.name, product.price, product.currency) == ("Vaso azul", Decimal("10.00"), "USD")


@pytest.mark.parametrize("update_stock", [False, True])
def test_what_staff_save_meanwhile_is_not_undone(sheet, update_stock):
    """The import waits for the row that staff are saving, and then writes only what its file says otherwise."""
    import_file(sheet(row(price="10.00"), row("copo", "Copo")))
    path = sheet(row(price="10.00", title="Vaso azul"), row("copo", "Copo", price="30.00"))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            (product,) = Product.objects.filter(sku="VASO").locked()
            product.weight_grams, product.active = 900, False
            product.save(update_fields=["weight_grams", "active"])
            importing = pool.submit(in_its_own_connection, import_file, path, update_stock=update_stock)
            eventually(lambda: waiting_for_locks() or importing.done())
        importing.result(20)
    vase, cup = Product.objects.order_by("-sku")
    assert (vase.name, vase.weight_grams, vase.active) == ("Vaso azul", 900, False)
    assert cup.price == Decimal("30.00")


def in_its_own_connection(call, *args, **options):
    try:
        return call(*args, **options)
    finally:
        connection.close()


def waiting_for_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
        return cursor.fetchone()[0] > 0


def test_stock_goes_to_the_given_warehouse(sheet):
    WarehouseFactory(code="recife", priority=5)
    import_file(sheet(row(**{"Variant Inventory Qty": "2"})), warehouse="recife")
    assert Stock.objects.get().warehouse.code == "recife"
    with pytest.raises(CommandError, match="no warehouse with the code marte"):
        import_file(SAMPLE, warehouse="marte")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(price="dez"), "the price “dez” is not an amount; write it in digits"),
        (row(price="-1"), "the price “-1” is not between 0 and 99999999.99"),
        (row(price="1e3"), " is not an amount"),
        (row(price="US$ 10"), " is not an amount"),
        (row(price="١٠"), " is not an amount"),
        (row(price="999999999.00"), " is not between 0 and 99999999.99"),
        (row(price=""), "it has no price; fill in “Variant Price” and import the file again"),
        (row(handle="", title=""), "it has neither handle nor title; copy the handle"),
        (row(handle="órfão", title="", price="1.00"), "no row gives the title of órfão"),
        (row("bom", "Bom de novo"), "it has the handle, options and SKU of line 2, but other values"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_the_good_ones_are_imported(bad, reason, sheet, capsys):
    with pytest.raises(CommandError, match="1 of 3 rows were refused"):
        import_file(sheet(row("bom", "Bom\ncom quebra"), bad, row("outro", "Outro")))
    reported = capsys.readouterr().err
    assert reported.startswith("Line 4: ")
    assert reason in reported
    assert set(Product.objects.values_list("sku", flat=True)) == {"BOM", "OUTRO"}


def test_a_bad_variant_does_not_affect_its_siblings(sheet):
    with pytest.raises(CommandError):
        import_file(
            sheet(
                row(price="caro", **{"Option1 Value": "P"}),
                row(title="", **{"Option1 Value": "M"}),
                row(title="", **{"Option1 Value": "G"}),
            )
        )
    assert set(Product.objects.values_list("name", flat=True)) == {"Vaso – M", "Vaso – G"}


HEAD = b"Handle,Title,Variant Price\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"Handle,Name\nvaso,Vaso\n", "missing: Title, Variant Price / Price"),
        (b"Handle;Name;Variant Price\nvaso;Vaso;10\n", "missing: Title. The line was split at “;”"),
        (HEAD + b"vaso,Va\0so,10\n", "contains NUL characters"),
        ("Handle,Title,Variant Price\nvaso,Vaso,10\n".encode("utf-16-le"), "contains NUL characters"),
        (HEAD + b'vaso,"Vaso,10\n', "not well-formed CSV near line 2"),
    ],
)
def test_an_unreadable_file_is_reported_and_changes_nothing(content, sentence, tmp_path):
    path = tmp_path / "products.csv"
    path.write_bytes(content)
    before = state()
    with pytest.raises(CommandError, match=sentence):
        import_file(path)
    assert state() == before


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(CommandError, match="File not found"):
        import_file(tmp_path / "nowhere.csv")
    with pytest.raises(CommandError, match="cannot be read"):
        import_file(tmp_path)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_ending_are_fine(newline, tmp_path, capsys):
    path = tmp_path / "products.csv"
    text = newline.join(["Handle,Title,Variant Price", "vaso,Vaso,10", "", 'copo,"Copo', 'alto",x', ""])
    path.write_bytes(text.encode("utf-8-sig"))
    with pytest.raises(CommandError):
        import_file(path)
    assert Product.objects.get().name == "Vaso"
    assert "Line 4: the price" in capsys.readouterr().err


def test_a_surplus_cell_is_a_bad_row(tmp_path, capsys):
    path = tmp_path / "products.csv"
    path.write_bytes(HEAD + b"vaso,Vaso, azul,10\n")
    with pytest.raises(CommandError):
        import_file(path)
    assert "Line 2: it has more cells" in capsys.readouterr().err


def test_the_slug_of_another_product_is_not_taken(sheet):
    ProductFactory(slug="vaso", sku="OUTRO")
    import_file(sheet(row()))
    import_file(sheet(row()))
    slug = Product.objects.get(sku="VASO").slug
    assert slug.startswith("vaso-")
    assert Product.objects.count() == 2


def test_long_handles_give_distinct_skus(sheet):
    handle = "h" * 100
    import_file(sheet(row(handle, **{"Option1 Value": "P"}), row(handle, title="", **{"Option1 Value": "M"})))
    assert Product.objects.count() == 2


def test_the_number_of_statements_does_not_depend_on_the_rows(sheet, django_assert_max_num_queries):
    rows = [row(f"vaso-{n}", f"Vaso {n}", Type="Vasos") for n in range(500)]
    with django_assert_max_num_queries(20):
        import_file(sheet(*rows))
    with django_assert_max_num_queries(20):
        import_file(sheet(*rows))


def test_importing_the_same_file_again_reads_what_is_there_once(sheet):
    """Once to know and lock all products, and once a batch to compare them."""
    rows = [row(f"vaso-{n}", f"Vaso {n}", Type="Vasos", **{"Variant Inventory Qty": "5"}) for n in range(1500)]
    with CaptureQueriesContext(connection) as first:
        import_file(sheet(*rows))
    with CaptureQueriesContext(connection) as second:
        import_file(sheet(*rows))
    products, stocks = (
        [query["sql"] for query in second if f'FROM "inventory_{table}"' in query["sql"]]
        for table in ("product", "stock")
    )
    assert (len(products), len(stocks)) == (1 + 2, 2)
    assert not [sql for sql in stocks if "inventory_warehouse" in sql], "the warehouses are known"
    assert len(second) < len(first)


def test_set_stock_by_command(capsys):
    product = ProductFactory(sku="VASO", stock={"cajamar": 5})
    with transaction.atomic():
        reservations.reserve("held", {product.id: 2}, expires_at=timezone.now() + timedelta(minutes=5))
        reservations.reserve("late", {product.id: 2}, expires_at=timezone.now() - timedelta(minutes=5))
    call_command("set_stock", "VASO", "2")
    assert "VASO in cajamar: 2 on hand, 2 reserved, 0 available." in capsys.readouterr().out
    for arguments, sentence in [
        (["VASO", "1"], "2 are reserved"),
        (["VASO", "--", "-1"], "cannot be -1"),
        (["VASO", "99999999999"], "cannot be 99999999999"),
        (["COPO", "1"], "no product with the SKU COPO"),
        (["VASO", "1", "--warehouse", "marte"], "no warehouse with the code marte"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command("set_stock", *arguments)
    assert Stock.objects.get().on_hand == 2
