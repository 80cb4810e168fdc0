"""The version of the store's tables. Alembic is imported only where one must migrate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from backends.errors import Refused

# The newest revision under migrations/versions; a unit test holds the two together.
HEAD = "0013"
_MIGRATIONS = Path(__file__).parent / "migrations"


def current(engine: Engine) -> str | None:
    """The store's revision; None for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def prepare(engine: Engine, *, read_only: bool) -> None:
    """Migrate to HEAD. Raises Refused `store.older`, `store.newer` where that cannot be."""
    found = current(engine)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise Refused("store.newer", f"the store is of a newer Quarterdeck (schema {found})")
    if read_only:
        raise Refused(
            "store.older",
            f"the store needs migration from {found} to {HEAD}; open it once for writing",
        )
    migrate(engine)


def migrate(engine: Engine) -> None:
    """Run the migrations, in one transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with (
        engine.connect().execution_options(writes=True) as connection,
        _tables_replaceable(connection),
        connection.begin(),
    ):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _tables_replaceable(connection: Connection) -> Iterator[None]:
    """SQLite cannot alter a column: the table is replaced, which its references would forbid.

    Their enforcement cannot be changed within a transaction (sqlite.org/lang_altertable.html).
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")
