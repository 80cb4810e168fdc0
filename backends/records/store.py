"""The store: one database a cloud, SQLite in WAL mode or PostgreSQL by URL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, create_engine

from backends.errors import MachineFailed, QuarterdeckError, Refused
from backends.records import schema

# How long a writer waits for another's transaction, in seconds.
_PATIENCE = 30.0


class Store:
    """Opens a cloud's database and hands out sessions.

    `url` is SQLAlchemy's; a plain path means SQLite. Read-only opens SQLite with `mode=ro` and
    has PostgreSQL refuse what writes (`default_transaction_read_only`).
    Raises Refused `store.missing` (read-only, no file), `store.url.invalid`, `store.newer` (made
    by a newer Quarterdeck), MachineFailed `store.unreachable`, `store.failed`, `disk.full`.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self.engine = _sqlite(url, read_only) if is_path(url) else _server(url, read_only)

    def prepare(self) -> None:
        """Bring the schema up to date; in read-only mode only check that it is."""
        with _told(self.url):
            schema.prepare(self.engine, read_only=self.read_only)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read with."""
        with _told(self.url), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back at an error.

        Writers are serial from the first statement on (BEGIN IMMEDIATE; an advisory lock on
        PostgreSQL), so that what is counted inside it is still true when it commits.
        Raises Refused `store.readonly`, `record.conflict` when a rule of the tables is broken,
        `record.invalid` for a value that they cannot hold.
        """
        if self.read_only:
            raise Refused("store.readonly", "read-only: the records cannot be changed here")
        with _told(self.url), Session(self.engine, expire_on_commit=False) as session:
            connection = session.connection(execution_options={"writes": True})
            if connection.dialect.name != "sqlite":
                connection.execute(text("SELECT pg_advisory_xact_lock(7461)"))
            yield session
            session.commit()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def is_path(url: str) -> bool:
    """Whether a store's URL is a plain path, thus SQLite."""
    return "://" not in url


@contextmanager
def _told(url: str) -> Iterator[None]:
    """The database's refusals as errors of ours, in one line."""
    try:
        yield
    except DBAPIError as error:
        raise _failure(url, error) from error
    except (UnicodeEncodeError, OverflowError):
        # SQLite's binding: bytes that are no text (a lone surrogate), a number beyond 64 bits.
        raise Refused("record.invalid", "a value that no record can hold was given") from None


def _failure(url: str, error: DBAPIError) -> QuarterdeckError:
    if isinstance(error, IntegrityError):
        return Refused("record.conflict", f"the records do not allow it: {error.orig}")
    if isinstance(error, DataError):
        return Refused("record.invalid", f"the records cannot hold it: {error.orig}")
    full = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL"
    if full or getattr(error.orig, "sqlstate", "") == "53100":
        return MachineFailed("disk.full", f"no space left for the store {_where(url)}; free some")
    code = "store.unreachable" if isinstance(error, OperationalError) else "store.failed"
    return MachineFailed(code, f"the store {_where(url)}: {error.orig}")


def _where(url: str) -> str:
    """Which store, without what lets one in: no user, no password, no options."""
    if is_path(url):
        return url
    parts = make_url(url)
    bare = URL.create(parts.drivername, None, None, parts.host, parts.port, parts.database)
    return bare.render_as_string()


def _sqlite(url: str, read_only: bool) -> Engine:
    path = Path(url)
    if read_only and not path.exists():
        raise Refused(
            "store.missing", f"there is no cloud at {path.parent}; run `quarterdeck init`"
        )
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
    try:
        parts = make_url(url)
        if parts.drivername in ("postgres", "postgresql"):
            parts = parts.set(drivername="postgresql+psycopg")
        if read_only and parts.get_backend_name() == "postgresql":
            given = parts.query.get("options", "")
            options = f"{given} -c default_transaction_read_only=on"
            parts = parts.update_query_dict({"options": options.strip()})
        return create_engine(parts, poolclass=QueuePool, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError):
        # The URL may hold a password: it is not repeated.
        said = "the store's URL is not one: postgresql://USER@HOST/DATABASE, or a path for SQLite"
        raise Refused("store.url.invalid", said) from None
    except ImportError as error:
        raise Refused(
            "store.driver.missing", f"{error.name} is not installed: install quarterdeck[postgres]"
        ) from None
