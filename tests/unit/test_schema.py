"""The store's schema: migrations, models and the number in the code say the same."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from backends.access import Access
from backends.errors import MachineFailed, Refused
from backends.records import schema, tables
from backends.records.store import Store

MIGRATIONS = Path(schema.__file__).parent / "migrations"


def fresh(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "store.db"))
    store.prepare()
    return store


def test_head_is_the_newest_migration_and_there_is_one_line_of_them() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.HEAD]
    assert len(script.get_bases()) == 1


def test_the_migrations_make_what_the_models_are(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    store.close()


def test_every_model_is_in_the_list_of_tables(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    listed = {getattr(tables, name).__tablename__ for name in tables.__all__}
    there = set(inspect(store.engine).get_table_names()) - {"alembic_version"}
    assert listed == there == set(SQLModel.metadata.tables)
    store.close()


def test_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    assert stat.S_IMODE(os.stat(tmp_path / "store.db").st_mode) == 0o600
    store.close()


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    with store.engine.connect().execution_options(writes=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    with pytest.raises(Refused) as refusal:
        store.prepare()
    assert refusal.value.code == "store.newer"
    store.close()


def test_an_older_store_is_not_migrated_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sqlite3.connect(path).close()
    path.write_bytes(b"")
    store = Store(str(path), read_only=True)
    with pytest.raises(Refused) as refusal:
        store.prepare()
    assert refusal.value.code == "store.older"
    store.close()


def test_a_reader_cannot_write_even_past_the_store(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    store = Store(str(tmp_path / "store.db"), read_only=True)
    with pytest.raises(Refused) as refusal, store.write():
        pass
    assert refusal.value.code == "store.readonly"
    with pytest.raises(MachineFailed) as failure, store.read() as session:
        session.execute(text("DELETE FROM host"))
    assert "readonly" in failure.value.message
    store.close()


def test_a_reader_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        Store(str(tmp_path / "none" / "store.db"), read_only=True)
    assert refusal.value.code == "store.missing"
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_no_store_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database, however long one looks at it" * 100)
    store = Store(str(path))
    with pytest.raises(MachineFailed) as failure:
        store.prepare()
    assert failure.value.code == "store.failed"
    store.close()


@pytest.mark.parametrize("number", [2**63, -(2**80)])
def test_a_number_that_no_record_holds_is_refused(tmp_path: Path, number: int) -> None:
    store = fresh(tmp_path)
    with pytest.raises(Refused) as refusal, store.write() as session:
        session.add(tables.Flavor(name="huge", ram=number))
    assert refusal.value.code == "record.invalid"
    with pytest.raises(Refused) as refusal, store.read() as session:
        session.get(tables.Flavor, "\ud800")
    assert refusal.value.code == "record.invalid"
    store.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense://user:Secret-1@host/db", "store.url.invalid"),
        ("://Secret-1", "store.url.invalid"),
        ("postgresql://user:Secret-1@127.0.0.1:1/db", "store.unreachable"),
        ("postgresql://user@127.0.0.1:1/db?password=Secret-1", "store.unreachable"),
    ],
)
def test_a_password_in_the_stores_url_is_never_shown(url: str, code: str) -> None:
    with pytest.raises((Refused, MachineFailed)) as error:
        Store(url).prepare()
    assert error.value.code == code
    assert "Secret-1" not in str(error.value)
    assert "Secret-1" not in repr(Access(store=url, password="Secret-1"))
