"""Products, warehouses, stock and reservations.

Lock order, everywhere: products, then stock rows, then reservation rows, each by ascending id. A lock on any one stock
row of a reservation blocks every other transaction from committing or releasing that reservation.
"""

from inventory.models.holding import UnpaidBound as UnpaidBound
from inventory.models.products import Category as Category
from inventory.models.products import Product as Product
from inventory.models.products import ProductQuerySet as ProductQuerySet
from inventory.models.reservations import Reservation as Reservation
from inventory.models.reservations import ReservationLine as ReservationLine
from inventory.models.reservations import ReservationStatus as ReservationStatus
from inventory.models.stock import Hold as Hold
from inventory.models.stock import Stock as Stock
from inventory.models.stock import StockChange as StockChange
from inventory.models.stock import Warehouse as Warehouse
