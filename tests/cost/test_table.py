"""What the gate lets through, what it refuses, and what it names."""

import pytest

from tests.cost.counting import once, table
from tests.cost.table import TABLE, Costs, Table

FUNCTIONS = {"order": {"cart/services.py:add_line": 400, "cart/services.py:add_line > django": 600}}


def costs(*, statements: float = 34, redis: float = 28, loops: float = 2.0) -> Table:
    return Table({"order": Costs(statements, redis, loops)}, FUNCTIONS)


def test_the_same_costs_pass() -> None:
    assert costs().grown(costs()) == costs().fallen(costs()) == []


@pytest.mark.parametrize("loops", [2.0 * 1.029, 2.0 * 0.971])
def test_what_two_counts_of_one_tree_may_differ_by_passes(loops: float) -> None:
    assert costs(loops=loops).grown(costs()) == costs(loops=loops).fallen(costs()) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (costs(loops=2.0 * 1.04), "order: 2 fixed loops were kept, now 2.08 (+4.0%)."),
        (costs(statements=35), "order: 34 statements were kept, now 35 (+2.9%)."),
        (costs(redis=29), "order: 28 trips to Redis were kept, now 29 (+3.6%)."),
    ],
)
def test_what_costs_more_is_refused(now: Table, said: str) -> None:
    assert now.grown(costs())[0] == said
    assert now.fallen(costs()) == []


def test_the_first_statement_of_a_read_that_had_none_is_refused() -> None:
    assert costs(statements=1).grown(costs(statements=0))[0] == "order: 0 statements were kept, now 1."


def test_more_is_let_through_where_the_machine_is_another() -> None:
    assert costs(loops=2.0 * 1.09).grown(costs(), 0.1) == []
    assert costs(loops=2.0 * 1.11).grown(costs(), 0.1)[0] == "order: 2 fixed loops were kept, now 2.22 (+11.0%)."
    assert costs(statements=35).grown(costs(), 0.1) != []


def test_what_costs_less_is_told() -> None:
    cheaper = costs(statements=33, loops=1.5)
    assert cheaper.grown(costs()) == []
    assert len(cheaper.fallen(costs())) == 2


def test_the_functions_that_grew_are_named_largest_first() -> None:
    functions = {
        "order": {
            "cart/services.py:add_line": 400,
            "cart/services.py:add_line > django": 700,
            "cart/services.py:_price_again": 5_000,
            "config/money.py:rounded": 1,
        }
    }
    grown = Table({"order": Costs(34, 28, 3.0)}, functions).grown(costs())
    assert grown[1:] == [
        "    +5,000 bytecodes in cart/services.py:_price_again",
        "    +100 bytecodes in cart/services.py:add_line > django",
    ]


def test_a_row_that_the_table_does_not_have_is_refused() -> None:
    assert costs().grown(Table({}, {})) == ["order is not in the table of this version of Python."]


EMPTY = '{"rows": {}, "functions": {}}'


def test_a_table_is_read_as_it_was_written() -> None:
    assert Table.read(costs().text("3.11.7", EMPTY), "3.11.7") == costs()


def test_each_version_of_python_has_its_own_instructions() -> None:
    """Renewed in one, the others' change by the same share; an unknown version has no row, so that it fails."""
    both = costs(loops=3.0).text("3.11.2", costs(loops=2.0).text("3.11.7", EMPTY))
    assert Table.read(both, "3.11.7") == costs(loops=2.0)
    renewed = costs(loops=1.0).text("3.11.7", both)
    assert Table.read(renewed, "3.11.2") == costs(loops=1.5)
    assert Table.read(renewed, "3.12.4").rows == {}
    assert Table.read(renewed, "3.12.4", or_any=True) == costs(loops=1.5)


def test_the_table_leaves_out_functions_that_hardly_matter() -> None:
    found = Table({"order": Costs(1, 1, 1)}, {"order": {"a.py:large": 9_990, "a.py:small": 10}})
    assert Table.read(found.text("3.11.7", EMPTY), "3.11.7").functions == {"order": {"a.py:large": 9_990}}


def test_the_cost_of_one_repeat_is_a_difference() -> None:
    assert once({"order 3": 100 + 3 * 20, "order 6": 100 + 6 * 20, "read 5": 5, "read 10": 10}) == {
        "order": 20,
        "read": 1,
    }


def test_instructions_are_told_in_fixed_loops() -> None:
    parts = {
        "fixed loop 1": {},
        "fixed loop 2": {},
        "order 1": {"statements": 34, "redis": 5},
        "order 2": {"statements": 68, "redis": 10},
    }
    counted = {"fixed loop 1": 1_000, "fixed loop 2": 2_000, "order 1": 5_000, "order 2": 8_000}
    functions = {"order 1": {"a.py:f": 10}, "order 2": {"a.py:f": 30, "a.py:g": 1}}
    found = table(parts, functions, counted)
    assert found == Table({"order": Costs(34, 5, 3.0)}, {"order": {"a.py:f": 20, "a.py:g": 1}})


def test_the_committed_table_has_every_row() -> None:
    for python in ("3.11.7", "3.11.2"):
        kept = Table.read(TABLE.read_text(), python)
        assert set(kept.functions) == set(kept.rows) >= {"order, eight calls", "order, four calls", "product, cached"}
