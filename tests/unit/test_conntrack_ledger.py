"""A table that follows what happens: the same as one that is read anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backends.drivers.conntrack.events import Happened
from backends.drivers.conntrack.ledger import Ledger
from backends.drivers.conntrack.table import Connections

NONE = Connections.empty(0)


def table(*ids: int, state: int = 1) -> Connections:
    made = Connections.empty(len(ids))
    made.id[:] = ids
    made.state[:] = state
    made.ports[0] = [each % 65536 for each in ids]
    made.octets[0] = 7
    return made


def states(found: Connections) -> dict[int, int]:
    """By id; an id that were there twice would not go unnoticed."""
    ids = found.id.tolist()
    assert len(set(ids)) == len(ids)
    assert found.ports[0].tolist() == [each % 65536 for each in ids]
    return dict(zip(ids, found.state.tolist(), strict=True))


def test_what_begins_changes_and_ends() -> None:
    ledger = Ledger(table(1, 2, 3))
    ledger.take(Happened(table(4, 5), table(2, state=3), table(1)))
    assert states(ledger.table) == {2: 3, 3: 1, 4: 1, 5: 1}
    assert len(ledger) == 4


def test_what_was_carried_is_kept_when_a_connection_changes() -> None:
    ledger = Ledger(table(1))
    changed = table(1, state=5)
    changed.octets[:] = 0
    ledger.take(Happened(NONE, changed, NONE))
    assert ledger.table.octets[0].tolist() == [7]
    assert states(ledger.table) == {1: 5}


def test_what_is_told_twice_is_there_once_and_what_was_never_there_does_not_end() -> None:
    ledger = Ledger(table(1, 2))
    ledger.take(Happened(table(2, 3, 3, state=2), table(9, state=4), table(77)))
    assert states(ledger.table) == {1: 1, 2: 2, 3: 2, 9: 4}


def test_what_began_and_ended_meanwhile_is_not_there() -> None:
    ledger = Ledger(NONE)
    ledger.take(Happened(table(1, 2), NONE, table(2, 2)))
    assert states(ledger.table) == {1: 1}
    ledger.take(Happened(NONE, NONE, table(1)))
    assert len(ledger) == 0


ids = st.lists(st.integers(0, 30), max_size=12)


@given(st.lists(st.tuples(ids, ids, ids), max_size=12), ids)
def test_it_is_what_one_row_after_the_other_makes(
    told: list[tuple[list[int], list[int], list[int]]], first: list[int]
) -> None:
    ledger = Ledger(table(*set(first)))
    expected = dict.fromkeys(first, 1)
    for number, (began, changed, ended) in enumerate(told):
        state = 2 + number
        ledger.take(Happened(table(*began), table(*changed, state=state), table(*ended)))
        expected |= dict.fromkeys(began, 1) | dict.fromkeys(changed, state)
        expected = {id_: each for id_, each in expected.items() if id_ not in ended}
    assert states(ledger.table) == expected


def test_many_rows_stay_in_place() -> None:
    ledger = Ledger(table(*range(100_000)))
    before = ledger.table.addresses
    ledger.take(Happened(NONE, NONE, table(5, 99_999)))
    assert np.shares_memory(ledger.table.addresses, before)
    assert len(ledger) == 99_998
