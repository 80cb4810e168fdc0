"""Routers, floating IPs, external and provider networks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "router",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("external_network_id", sa.String(), nullable=True),
        sa.Column("enable_snat", sa.Boolean(), nullable=False),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["external_network_id"],
            ["network.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("router", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_router_external_network_id"), ["external_network_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_router_project_id"), ["project_id"], unique=False)

    op.create_table(
        "floatingip",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("network_id", sa.String(), nullable=False),
        sa.Column("floating_port_id", sa.String(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("port_id", sa.String(), nullable=True),
        sa.Column("fixed_address", sa.String(length=64), nullable=True),
        sa.Column("router_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["floating_port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["network.id"],
        ),
        sa.ForeignKeyConstraint(
            ["port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["router_id"],
            ["router.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("floatingip", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_floatingip_network_id"), ["network_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_floatingip_port_id"), ["port_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_floatingip_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_floatingip_router_id"), ["router_id"], unique=False)

    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("external", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("network_type", sa.String(length=8), nullable=False, server_default="local")
        )
        batch_op.add_column(sa.Column("physical_network", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("segmentation_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.drop_column("segmentation_id")
        batch_op.drop_column("physical_network")
        batch_op.drop_column("network_type")
        batch_op.drop_column("external")

    with op.batch_alter_table("floatingip", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_floatingip_router_id"))
        batch_op.drop_index(batch_op.f("ix_floatingip_project_id"))
        batch_op.drop_index(batch_op.f("ix_floatingip_port_id"))
        batch_op.drop_index(batch_op.f("ix_floatingip_network_id"))

    op.drop_table("floatingip")
    with op.batch_alter_table("router", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_router_project_id"))
        batch_op.drop_index(batch_op.f("ix_router_external_network_id"))

    op.drop_table("router")
