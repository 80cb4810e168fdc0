"""A whole console process over a recorded cloud: `paper_console.py STATE RUN`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from backends.access import Access  # noqa: E402
from console import opening  # noqa: E402
from console.app import run  # noqa: E402


def main(state: Path, run_root: Path) -> int:
    def opened(access: Access) -> opening.Opened:
        import recorded
        from sqlmodel import select

        from backends.place import store_url
        from backends.records.identity import User
        from backends.records.store import Store

        store = Store(store_url(access))
        with store.read() as session:
            user = session.exec(select(User)).one()
        store.close()
        assert user.default_project_id
        found = recorded.Recorded(access, user.default_project_id, user.id)
        return opening.Opened(found.open(), "admin", None)

    opening.open_cloud = opened
    return run(Access(cloud="paper", state_root=state, run_root=run_root))


sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
