"""The store: one database a cloud, SQLite in WAL mode or PostgreSQL by URL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool
from sqlmodel import Session, create_engine

from backends.errors import MachineFailed, Refused
from backends.records import schema

# How long a writer waits for another's transaction, in seconds.
_PATIENCE = 30.0


class Store:
    """Opens a cloud's database and hands out sessions.

    `url` is SQLAlchemy's; a plain path means SQLite. Read-only opens SQLite with `mode=ro` and
    makes PostgreSQL's sessions read-only.
    Raises NotFound-like Refused `store.missing` (read-only, no file), MachineFailed
    `store.unreachable`, Refused `store.newer` (made by a newer Quarterdeck).
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self.engine = _sqlite(url, read_only) if is_path(url) else _server(url, read_only)

    def prepare(self) -> None:
        """Bring the schema up to date; in read-only mode only check that it is."""
        try:
            schema.prepare(self.engine, read_only=self.read_only)
        except OperationalError as error:
            raise unreachable(self.url, error) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read with."""
        with Session(self.engine, expire_on_commit=False) as session:
            try:
                yield session
            except OperationalError as error:
                raise unreachable(self.url, error) from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back at an error.

        Writers are serial from the first statement on (BEGIN IMMEDIATE; an advisory lock on
        PostgreSQL), so that what is counted inside it is still true when it commits.
        Raises Refused `store.readonly`, Refused `record.exists` when a unique rule is broken.
        """
        if self.read_only:
            raise Refused("store.readonly", "read-only: the records cannot be changed here")
        with Session(self.engine, expire_on_commit=False) as session:
            try:
                connection = session.connection(execution_options={"writes": True})
                if connection.dialect.name != "sqlite":
                    connection.execute(text("SELECT pg_advisory_xact_lock(7461)"))
                yield session
                session.commit()
            except IntegrityError as error:
                raise Refused(
                    "record.conflict", f"the records do not allow it: {error.orig}"
                ) from error
            except OperationalError as error:
                raise unreachable(self.url, error) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def is_path(url: str) -> bool:
    """Whether a store's URL is a plain path, thus SQLite."""
    return "://" not in url


def unreachable(url: str, error: OperationalError) -> MachineFailed:
    """The database's refusal in one line; a password in the URL is not shown."""
    where = url if is_path(url) else url.rsplit("@", 1)[-1]
    return MachineFailed("store.unreachable", f"the store {where}: {error.orig}")


def _sqlite(url: str, read_only: bool) -> Engine:
    path = Path(url)
    if read_only and not path.exists():
        raise Refused("store.missing", f"there is no cloud at {path.parent}; run `quarterdeck init`")
    if not read_only:
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)

    def connect() -> sqlite3.Connection:
        if not read_only and not path.exists():
            # SQLite would make it world-readable under an ordinary umask.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(
            f"file:{path}?mode={mode}",
            uri=True,
            timeout=_PATIENCE,
            check_same_thread=False,
            isolation_level=None,
        )
        connection.execute("PRAGMA foreign_keys=ON")
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            # WAL with NORMAL survives a killed process; only a power cut can lose the last commits,
            # and what they recorded is found again by its labels.
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader sees one moment of the store; a writer has it for itself from the start.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _server(url: str, read_only: bool) -> Engine:
    engine = create_engine(url, poolclass=QueuePool if not read_only else NullPool)
    if read_only:

        @event.listens_for(engine, "connect")
        def _set(connection: Any, _record: Any) -> None:
            connection.set_session(readonly=True) if hasattr(connection, "set_session") else None

    return engine
