"""Instances that are rebuilt, resized, rescued and shelved"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("disk_generation", sa.Integer(), nullable=False, server_default="1")
        )
        batch_op.add_column(sa.Column("launches", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("previous", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("rescue_image_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("root_volume_id", sa.String(length=36), nullable=True))
        batch_op.add_column(
            sa.Column("shelved", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    with op.batch_alter_table("instance", schema=None) as batch_op:
        for name in (
            "shelved", "root_volume_id", "rescue_image_id", "previous", "launches",
            "disk_generation",
        ):  # fmt: skip
            batch_op.drop_column(name)
