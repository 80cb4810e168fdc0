"""Ports on their way out of an instance, QoS policies, trunks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "qospolicy",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_qospolicy_project_id", "qospolicy", ["project_id"], unique=False)
    op.create_table(
        "qosrule",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("direction", sa.String(length=7), nullable=False),
        sa.Column("max_kbps", sa.Integer(), nullable=False),
        sa.Column("max_burst_kbits", sa.Integer(), nullable=False),
        sa.Column("dscp_mark", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["policy_id"], ["qospolicy.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_qosrule_policy_id", "qosrule", ["policy_id"], unique=False)
    for table in ("network", "port"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            if table == "port":
                leaving: sa.Column[bool] = sa.Column(
                    "leaving", sa.Boolean(), nullable=False, server_default=sa.false()
                )
                batch_op.add_column(leaving)
            batch_op.add_column(sa.Column("qos_policy_id", sa.String(), nullable=True))
            batch_op.create_foreign_key(
                f"fk_{table}_qos_policy", "qospolicy", ["qos_policy_id"], ["id"]
            )
            batch_op.create_index(f"ix_{table}_qos_policy_id", ["qos_policy_id"], unique=False)
    op.create_table(
        "trunk",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("port_id", sa.String(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["port_id"], ["port.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("port_id"),
    )
    op.create_index("ix_trunk_project_id", "trunk", ["project_id"], unique=False)
    op.create_table(
        "subport",
        sa.Column("port_id", sa.String(), nullable=False),
        sa.Column("trunk_id", sa.String(), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["port_id"], ["port.id"]),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunk.id"]),
        sa.PrimaryKeyConstraint("port_id"),
        sa.UniqueConstraint("trunk_id", "segmentation_id"),
    )
    op.create_index("ix_subport_trunk_id", "subport", ["trunk_id"], unique=False)


def downgrade() -> None:
    op.drop_table("subport")
    op.drop_table("trunk")
    for table in ("port", "network"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(f"ix_{table}_qos_policy_id")
            batch_op.drop_constraint(f"fk_{table}_qos_policy", type_="foreignkey")
            batch_op.drop_column("qos_policy_id")
            if table == "port":
                batch_op.drop_column("leaving")
    op.drop_table("qosrule")
    op.drop_table("qospolicy")
