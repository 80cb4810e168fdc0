"""Alembic's entry: migrates over the connection that the store hands it."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from backends.records import tables  # noqa: F401  (fills the metadata)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
