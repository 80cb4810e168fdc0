"""Security groups as flows: what their rules let a port send and receive.

A rule with a remote group or an address group is a conjunction (ovs-fields(7), "Conjunctive Match
Fields"): one flow for each member's address, one for each port the rule applies to. So a group of n
members takes n flows on either side, not a flow for each pair.

The rules of a stateless group look at each packet, not at the connection it is of: there are no
flows for replies, and no conntrack.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from backends.plan.firewall.rules import matches
from backends.plan.firewall.tables import EGRESS_RULES, INGRESS_RULES, RECEIVED, SENT, flow, to
from backends.records.security import SecurityGroupRule

# A plain rule goes first: where it matches, no conjunction has to be tried.
_PLAIN, _JOINED, _MEMBERS = 77, 76, 75
# What goes in the rule's direction, and what comes back. A flood is not tracked: it has no state.
_REQUEST = "ct_state=-rpl"
_REPLY = "ct_state=+est+rpl"
_ACCEPT = {EGRESS_RULES: to(SENT), INGRESS_RULES: to(RECEIVED)}

# The text before and after a port's number.
Template = tuple[str, str]


def conjunction_ids(groups: Iterable[str]) -> dict[str, int]:
    """A number of 32 bits, not 0, for each group: its id's checksum, or the next that is free."""
    ids: dict[str, int] = {}
    taken: set[int] = set()
    for group in sorted(groups):
        number = zlib.crc32(group.encode()) or 1
        while number in taken:
            number = number % 0xFFFFFFFF + 1
        taken.add(number)
        ids[group] = number
    return ids


def templates(
    rules: Iterable[SecurityGroupRule], ids: dict[str, int], *, stateless: bool = False
) -> list[Template]:
    """The flows of a port that these rules apply to, but for its number."""
    plain: set[tuple[int, str, str]] = set()
    joined: dict[tuple[int, str, str], set[int]] = defaultdict(set)
    for rule in rules:
        ways = [EGRESS_RULES, INGRESS_RULES]
        if rule.direction == "ingress":
            ways.reverse()
        group = rule.peer_id
        for request, reply in matches(rule):
            keys = [(ways[0], _REQUEST, request), (ways[1], _REPLY, reply)]
            if stateless:
                keys = [(ways[0], "", request)]
            if group is None:
                plain.update(keys)
            else:
                for key in keys:
                    joined[key].add(ids[group])
    flows = [_template(_PLAIN, key, _ACCEPT[key[0]]) for key in sorted(plain)]
    for key in sorted(joined.keys() - plain):
        parts = (f"conjunction({number},2/2)" for number in sorted(joined[key]))
        flows.append(_template(_MEMBERS, key, ",".join(parts)))
    return flows


def _template(priority: int, key: tuple[int, str, str], actions: str) -> Template:
    table, state, match = key
    head = f"table={table},priority={priority},{state}{',' if state else ''}reg5="
    return head, f",{match},actions={actions}"


def joins(numbers: Collection[int]) -> Iterator[str]:
    """What a whole conjunction does: one flow for each remote group in each table."""
    for number in sorted(numbers):
        for table, accept in _ACCEPT.items():
            yield flow(table, _JOINED, f"conj_id={number}", accept)


def member(zone: int, address: str, numbers: Collection[int]) -> Iterator[str]:
    """An address that counts for these conjunctions, in one network."""
    parts = ",".join(f"conjunction({number},1/2)" for number in sorted(numbers))
    name, family = ("ipv6", "ipv6") if ":" in address else ("ip", "nw")
    yield flow(EGRESS_RULES, _MEMBERS, f"reg6={zone},{name},{family}_dst={address}", parts)
    yield flow(INGRESS_RULES, _MEMBERS, f"reg6={zone},{name},{family}_src={address}", parts)
