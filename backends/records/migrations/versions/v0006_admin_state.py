"""Routers that are switched off, and networks whose ports are not filtered unless they ask"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TRUE = sa.true()


def upgrade() -> None:
    with op.batch_alter_table("router", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("admin_state_up", sa.Boolean(), nullable=False, server_default=_TRUE)
        )
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("port_security", sa.Boolean(), nullable=False, server_default=_TRUE)
        )


def downgrade() -> None:
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.drop_column("port_security")
    with op.batch_alter_table("router", schema=None) as batch_op:
        batch_op.drop_column("admin_state_up")
