"""django-zeal is active: a planted N+1 query is caught, and the same read done right is not."""

import pytest
from zeal.errors import NPlusOneError

from inventory.models import Product
from tests.support.factories.inventory import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db


def test_a_query_per_row_is_caught() -> None:
    ProductFactory(category=CategoryFactory())
    ProductFactory(category=CategoryFactory())
    with pytest.raises(NPlusOneError):
        [product.category.name for product in Product.objects.all()]
    assert len([product.category.name for product in Product.objects.with_category()]) == 2
