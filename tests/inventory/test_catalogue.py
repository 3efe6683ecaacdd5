"""What the shop shows: product facts, pages, search, availability; how each is cached and invalidated."""

import json
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from config.cache import cached
from inventory import catalogue, reservations, services
from inventory.exceptions import ProductNotFound
from inventory.models import Category, Product
from tests.support.factories.inventory import CategoryFactory, ProductFactory, WarehouseFactory

# Real commits: the cache is invalidated after them.
pytestmark = pytest.mark.django_db(transaction=True)


def names(**query):
    return [product.name for product in catalogue.catalogue_page(**query).products]


def found(text):
    return set(Product.objects.search(text).values_list("name", flat=True))


def test_facts_are_plain_values():
    product = ProductFactory(category=CategoryFactory(name="Café", slug="cafe"), price=Decimal("39.90"))
    facts = catalogue.products_by_id([product.id, 999_999])
    assert list(facts) == [product.id]
    (only,) = facts.values()
    assert (only.sku, only.category, only.category_name, only.price) == (product.sku, "cafe", "Café", Decimal("39.90"))
    assert json.dumps(asdict(only), default=str)


def test_facts_are_read_once(django_assert_num_queries):
    products = ProductFactory.create_batch(20)
    ids = [product.id for product in products]
    with django_assert_num_queries(1):
        catalogue.products_by_id(ids[:10])
    with django_assert_num_queries(1):
        catalogue.products_by_id(ids)
    with django_assert_num_queries(0):
        assert len(catalogue.products_by_id(ids)) == 20


@pytest.mark.parametrize("find", [catalogue.product_by_slug, catalogue.product_by_sku])
def test_a_product_is_found_by_its_names_and_warm_without_a_query(find, django_assert_num_queries):
    product = ProductFactory(sku="caneca", slug="caneca")
    assert find("caneca").id == product.id
    with django_assert_num_queries(0):
        find("caneca")


@pytest.mark.parametrize("name", ["missing", "parado", "nul\0", "", "x" * 5000])
def test_a_product_not_for_sale_is_not_found(name):
    ProductFactory(sku="parado", slug="parado", active=False)
    for find in (catalogue.product_by_slug, catalogue.product_by_sku):
        with pytest.raises(ProductNotFound):
            find(name)


def test_a_changed_product_shows_at_once():
    product = ProductFactory(slug="antigo", name="Antes", price=Decimal("10.00"))
    assert names() == ["Antes"]
    assert catalogue.product_by_slug("antigo").price == Decimal("10.00")
    product.name, product.price, product.slug = "Depois", Decimal("12.00"), "novo"
    product.save()
    assert names() == ["Depois"]
    assert catalogue.product_by_slug("novo").price == Decimal("12.00")
    with pytest.raises(ProductNotFound):
        catalogue.product_by_slug("antigo")
    # The old address may be given to another product.
    other = ProductFactory(slug="antigo")
    assert catalogue.product_by_slug("antigo").id == other.id


@pytest.mark.parametrize(("field", "find"), [("slug", catalogue.product_by_slug), ("sku", catalogue.product_by_sku)])
def test_a_name_that_another_process_has_changed_is_not_believed(field, find):
    product = ProductFactory(**{field: "antigo"})
    assert find("antigo").id == product.id
    Product.objects.filter(pk=product.pk).update(**{field: "novo"})
    cache.delete_many([f"product:{product.pk}", f"product:{field}:antigo"])  # as the other process does
    with pytest.raises(ProductNotFound):
        find("antigo")
    assert find("novo").id == product.id
    other = ProductFactory(**{field: "antigo"})
    assert find("antigo").id == other.id


def test_names_that_a_process_keeps_are_bounded(monkeypatch):
    monkeypatch.setattr(catalogue, "IDS_SEEN_AT_MOST", 3)
    for product in ProductFactory.create_batch(5):
        assert catalogue.product_by_sku(product.sku).id == product.id
    assert len(catalogue._ids_seen) <= 3


def test_a_product_and_its_available_units_are_read_together(django_assert_num_queries):
    product = ProductFactory(stock=4)
    for queries in (3, 0):
        shelf = catalogue.Shelf()
        with django_assert_num_queries(queries):
            assert catalogue.product_by_sku(product.sku, shelf).id == product.id
            shelf.look_at([product.id])
        assert shelf.free == {product.id: 4}


def test_a_rolled_back_change_invalidates_nothing(django_assert_num_queries):
    product = ProductFactory()
    catalogue.products_by_id([product.id])
    with transaction.atomic():
        product.save()
        transaction.set_rollback(True)
    with django_assert_num_queries(0):
        catalogue.products_by_id([product.id])


def test_a_renamed_category_shows_at_once_and_is_searched_by_its_new_name():
    category = CategoryFactory(name="Cozinha", slug="cozinha")
    product = ProductFactory(name="Panela", category=category)
    assert catalogue.catalogue_page().categories[0].name == "Cozinha"
    assert catalogue.product_by_sku(product.sku).category == "cozinha"
    category.name, category.slug = "Mesa posta", "mesa-posta"
    category.save()
    assert catalogue.catalogue_page().categories[0].name == "Mesa posta"
    assert catalogue.product_by_sku(product.sku).category == "mesa-posta"
    assert names(search="mesa") == ["Panela"]
    assert names(search="cozinha") == []


def test_a_page_needs_no_query_when_it_is_warm(django_assert_num_queries):
    ProductFactory.create_batch(30, category=CategoryFactory())
    with django_assert_num_queries(3):
        catalogue.catalogue_page("produto", page=2)
    with django_assert_num_queries(0):
        page = catalogue.catalogue_page("PRODUTO", page=2)
    assert (page.count, page.page, page.pages, len(page.products)) == (30, 2, 2, 6)


@pytest.mark.parametrize(("asked", "shown"), [(-3, 1), (0, 1), (1, 1), (2, 2), (999, 2), (10**30, 2)])
def test_any_page_number_leads_to_a_page(asked, shown):
    ProductFactory.create_batch(25)
    assert catalogue.catalogue_page(page=asked).page == shown


def test_an_empty_shop_has_one_empty_page():
    page = catalogue.catalogue_page()
    assert (page.count, page.page, page.pages, page.products) == (0, 1, 1, ())


def test_newest_first_and_only_what_is_for_sale():
    ProductFactory(name="Velho")
    ProductFactory(name="Parado", active=False)
    ProductFactory(name="Novo", category=CategoryFactory(slug="nova"))
    assert names() == ["Novo", "Velho"]
    assert names(category="nova") == ["Novo"]
    for nowhere in ("nenhuma", "\0", "x" * 5000, "a b", "💥"):
        assert names(category=nowhere) == []


@pytest.mark.parametrize(
    "text",
    ["café", "CAFE", "Ágata cafe", "caf-250", "caf 250", "esp", "especial", "bebidas", "g", "  ", ""],
)
def test_search_ignores_accents_case_and_punctuation(text):
    category = CategoryFactory(name="Bebidas quentes")
    ProductFactory(sku="CAF-250-G", name="Café Especial da Ágata", category=category)
    assert found(text) == {"Café Especial da Ágata"}


@pytest.mark.parametrize("text", ["chá", "café chá", "%", "_", "50", "ecial especialissimo", "\0", "💥", "' OR 1=1"])
def test_search_requires_every_word(text):
    ProductFactory(sku="CAF-250-G", name="Café Especial")
    assert found(text) == set()


def test_search_survives_a_megabyte():
    ProductFactory(name="Café")
    assert names(search="café " * 200_000) == ["Café"]


def test_search_uses_its_index():
    Product.objects.bulk_create(
        Product(sku=f"S{n}", slug=f"s{n}", name="x", price=1, weight_grams=1, length_cm=1, width_cm=1, height_cm=1,
                search_text=f" produto {n}")
        for n in range(5000)
    )  # fmt: skip
    for text in ("4321", "49"):
        with transaction.atomic(), connection.cursor() as cursor:
            # The table is small; the question is whether the index can answer.
            cursor.execute("ANALYZE inventory_product; SET LOCAL enable_seqscan = off")
            plan = Product.objects.search(text).order_by().explain()
        assert "product_search" in plan


def test_changes_of_availability_show_at_once(django_assert_num_queries):
    product, without = ProductFactory(stock=5), ProductFactory()
    ids = [product.id, without.id]

    def shown() -> int:
        with django_assert_num_queries(1):
            free = catalogue.availability(ids)
        with django_assert_num_queries(0):
            assert catalogue.availability(ids) == free
        return free[product.id]

    assert shown() == 5
    with transaction.atomic():
        reservations.reserve("a", {product.id: 2}, expires_at=timezone.now() + timedelta(minutes=1))
    assert shown() == 3
    with transaction.atomic():
        reservations.release("a")
    assert shown() == 5
    with transaction.atomic():
        reservations.reserve("a", {product.id: 1}, expires_at=timezone.now() - timedelta(seconds=1))
    reservations.reclaim_expired()
    assert shown() == 5
    with transaction.atomic():
        reservations.reserve("b", {product.id: 1}, expires_at=timezone.now() + timedelta(minutes=1))
        reservations.commit("b")
    assert shown() == 4
    with transaction.atomic():
        reservations.restock("b")
    assert shown() == 5


def test_set_stock_shows_at_once():
    WarehouseFactory()
    product = ProductFactory()
    assert catalogue.availability([product.id]) == {product.id: 0}
    services.set_stock(product.sku, 7)
    assert catalogue.availability([product.id]) == {product.id: 7}


def test_a_deleted_category_leaves_the_list():
    category = CategoryFactory()
    assert len(catalogue.categories()) == 1
    Category.objects.get(id=category.id).delete()
    assert catalogue.categories() == ()


def test_a_version_cached_by_an_older_release_has_no_time_and_is_accepted():
    """Both releases share one Redis during a deployment; the older one's version is 32 hexadecimal digits."""
    product = ProductFactory(name="Rede")
    cached("catalogue_page", "version", 60, lambda: "d41d8cd98f00b204e9800998ecf8427e")
    assert names() == [product.name]
