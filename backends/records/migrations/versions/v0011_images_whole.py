"""Images that are converted, checked and deactivated; members that accept; what disks stand on"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch_op.add_column(
            sa.Column("damaged", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("convert_to", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("source_uid", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("origin", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("parent_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("verified_at", sa.Float(), nullable=True))

    with op.batch_alter_table("imagemember", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("status", sa.String(length=8), nullable=False, server_default="accepted")
        )
        batch_op.add_column(sa.Column("created_at", sa.Float(), nullable=False, server_default="0"))

    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("base_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("leaving_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("hardware", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.create_index(batch_op.f("ix_instance_base_id"), ["base_id"], unique=False)
    op.execute("UPDATE instance SET base_id = image_id")


def downgrade() -> None:
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_instance_base_id"))
        for name in ("hardware", "leaving_id", "base_id"):
            batch_op.drop_column(name)
    with op.batch_alter_table("imagemember", schema=None) as batch_op:
        batch_op.drop_column("created_at")
        batch_op.drop_column("status")
    with op.batch_alter_table("image", schema=None) as batch_op:
        for name in (
            "verified_at", "parent_id", "origin", "source_uid", "convert_to", "damaged", "active",
        ):  # fmt: skip
            batch_op.drop_column(name)
