"""Hosts with tunnel addresses, and the host that a network and an image are kept by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TEXT = sa.String(length=64)


def upgrade() -> None:
    with op.batch_alter_table("host", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tunnel_address", _TEXT, nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("underlay_mtu", sa.Integer(), nullable=False, server_default="0")
        )
    for table in ("network", "image"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("host", _TEXT, nullable=False, server_default=""))


def downgrade() -> None:
    for table in ("network", "image"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("host")
    with op.batch_alter_table("host", schema=None) as batch_op:
        batch_op.drop_column("underlay_mtu")
        batch_op.drop_column("tunnel_address")
