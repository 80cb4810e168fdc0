"""Addresses that a port may have beside its own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("port", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("allowed_address_pairs", sa.JSON(), nullable=False, server_default="[]")
        )


def downgrade() -> None:
    with op.batch_alter_table("port", schema=None) as batch_op:
        batch_op.drop_column("allowed_address_pairs")
