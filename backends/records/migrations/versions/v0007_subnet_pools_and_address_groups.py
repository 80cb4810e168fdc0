"""Subnet pools, address groups, and a cloud's own conntrack zones"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subnetpool",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("prefixes", sa.JSON(), nullable=False),
        sa.Column("min_prefixlen", sa.Integer(), nullable=False),
        sa.Column("max_prefixlen", sa.Integer(), nullable=False),
        sa.Column("default_prefixlen", sa.Integer(), nullable=False),
        sa.Column("default_quota", sa.Integer(), nullable=True),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("subnetpool", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subnetpool_project_id"), ["project_id"], unique=False)

    op.create_table(
        "addressgroup",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "name"),
    )
    with op.batch_alter_table("addressgroup", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_addressgroup_project_id"), ["project_id"], unique=False
        )

    _refer("subnet", "subnetpool_id", "subnetpool")
    _refer("securitygrouprule", "remote_address_group_id", "addressgroup")
    with op.batch_alter_table("cloud", schema=None) as batch_op:
        batch_op.add_column(sa.Column("zone_slot", sa.Integer(), nullable=True))


def _refer(table: str, column: str, other: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.add_column(sa.Column(column, sa.String(), nullable=True))
        batch_op.create_foreign_key(f"fk_{table}_{column}", other, [column], ["id"])
        batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("cloud", schema=None) as batch_op:
        batch_op.drop_column("zone_slot")
    for table, column in (
        ("securitygrouprule", "remote_address_group_id"),
        ("subnet", "subnetpool_id"),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{table}_{column}"))
            batch_op.drop_constraint(f"fk_{table}_{column}", type_="foreignkey")
            batch_op.drop_column(column)
    op.drop_table("addressgroup")
    op.drop_table("subnetpool")
