"""Names in place of ids, where a person reads a plan."""

from __future__ import annotations

import pytest

from backends.plan.names import readable

_ID = "0d3767fb-2b31-4c9b-a4be-483576505628"
_OTHER = "fbe246ca-9680-413e-8c9c-c5aeed791d2d"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (f"start domain {_ID}", "start domain anchor"),
        (f"attach {_OTHER} to domain {_ID} as vdb", f"attach {_OTHER} to domain anchor as vdb"),
        (f"add namespace qdhcp-{_ID}", f"add namespace qdhcp-{_ID}"),
        (f"define domain instance-{_ID} (anchor)", f"define domain instance-{_ID} (anchor)"),
        ("write 3 flows to br-int", "write 3 flows to br-int"),
    ],
)
def test_a_line_says_names_for_ids_that_have_one(text: str, read: str) -> None:
    assert readable(text, {_ID: "anchor"}) == read
