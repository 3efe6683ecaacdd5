"""One process of buyers: `python -m tests.races.buyers THREADS` checks out carts concurrently.

Reads one JSON document from stdin: [[cart's token, total], …]. Prints the number of each outcome.
"""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import django


def main() -> None:
    django.setup()
    from django.db import connection

    from checkout.place_order import PlaceOrder, place_order
    from config.exceptions import Refusal

    def buy(cart: tuple[str, str]) -> str:
        token, total = cart
        command = PlaceOrder(
            cart_token=token, payment_method="pm_card_visa", expected_total=Decimal(total), language="pt-br"
        )
        try:
            return place_order(command).status
        except Refusal as refusal:
            return type(refusal).__name__
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    carts = json.load(sys.stdin)
    with ThreadPoolExecutor(int(sys.argv[1])) as pool:
        json.dump(Counter(pool.map(buy, carts)), sys.stdout)


if __name__ == "__main__":
    main()
