"""`make cost`: what an order and a cached read cost, counted so that a busy machine changes nothing.

Fails if something costs more than the committed table says. A commit that must cost more renews the table with
`--renew` and says why; one that saves something should renew it too, so that it stays saved.
"""

import argparse
import platform
import sys

from tests.cost import counting
from tests.cost.table import TABLE, TOLERANCE, Table


def main() -> int:
    options = argparse.ArgumentParser(prog="make cost", description=__doc__)
    options.add_argument("--renew", action="store_true", help="write the table anew")
    options.add_argument(
        "--slack", type=float, metavar="PERCENT", help="let instructions grow by so much, and compare any Python"
    )
    given = options.parse_args()
    if platform.machine() != "x86_64":
        print(f"Instructions are counted on x86_64 alone, not on {platform.machine()}.", file=sys.stderr)
        return 2
    found = counting.counted()
    print("\n".join(found.lines()))
    if given.renew:
        TABLE.write_text(found.text(platform.python_version(), TABLE.read_text()))
        print(f"\nWritten: {TABLE}. Say in the commit what costs more, and why it must.")
        return 0
    kept = Table.read(TABLE.read_text(), platform.python_version(), or_any=given.slack is not None)
    tolerance = TOLERANCE if given.slack is None else given.slack / 100
    grown, fallen = found.grown(kept, tolerance), found.fallen(kept)
    if fallen:
        print("\n".join(["", "Saved; `make cost RENEW=1` keeps it so:", *fallen]))
    if grown:
        print("\n".join(["", "COSTS MORE than tests/cost/table.json says:", *grown]))
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
