"""Pools, types, snapshots, backups, groups and transfers of volumes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "qosspec",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("consumer", sa.String(length=16), nullable=False),
        sa.Column("specs", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "storagepool",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("driver", sa.String(length=16), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("key_path", sa.String(), nullable=False),
        sa.Column("host_key", sa.String(), nullable=False),
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("ratio", sa.Float(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "volumetype",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("specs", sa.JSON(), nullable=False),
        sa.Column("encryption", sa.String(length=16), nullable=False),
        sa.Column("qos_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["qos_id"],
            ["qosspec.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "volumebackup",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("volume_id", sa.String(length=36), nullable=False),
        sa.Column("snapshot_id", sa.String(length=36), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("container", sa.String(length=255), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=True),
        sa.Column("bootable", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["volumebackup.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("volumebackup", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_volumebackup_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_volumebackup_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_volumebackup_volume_id"), ["volume_id"], unique=False)

    op.create_table(
        "volumegroup",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("volumegroup", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_volumegroup_project_id"), ["project_id"], unique=False)

    op.create_table(
        "groupsnapshot",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["volumegroup.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("groupsnapshot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_groupsnapshot_group_id"), ["group_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_groupsnapshot_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "volumesnapshot",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("volume_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=True),
        sa.Column("group_snapshot_id", sa.String(), nullable=True),
        sa.Column("backup_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_snapshot_id"],
            ["groupsnapshot.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["volume_id"],
            ["volume.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("volumesnapshot", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_volumesnapshot_group_snapshot_id"), ["group_snapshot_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_volumesnapshot_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_volumesnapshot_volume_id"), ["volume_id"], unique=False
        )

    op.create_table(
        "volumetransfer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("volume_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["volume_id"],
            ["volume.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("volume_id"),
    )
    with op.batch_alter_table("volumetransfer", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_volumetransfer_project_id"), ["project_id"], unique=False
        )

    with op.batch_alter_table("volume", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("pool", sa.String(length=64), nullable=False, server_default="default")
        )
        batch_op.add_column(sa.Column("type_id", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("source_kind", sa.String(length=16), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("source_id", sa.String(length=36), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("image_properties", sa.JSON(), nullable=False, server_default="{}")
        )
        batch_op.add_column(sa.Column("properties", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(
            sa.Column("bootable", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("read_only", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("multiattach", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("key_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("group_id", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("target_pool", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("revert_to", sa.String(length=36), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("restore_from", sa.String(length=36), nullable=False, server_default="")
        )
        batch_op.create_index(batch_op.f("ix_volume_group_id"), ["group_id"], unique=False)
        batch_op.create_foreign_key("fk_volume_group_id", "volumegroup", ["group_id"], ["id"])
        batch_op.create_foreign_key("fk_volume_type_id", "volumetype", ["type_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("volume", schema=None) as batch_op:
        # https://alembic.sqlalchemy.org/en/latest/naming.html
        batch_op.drop_constraint("fk_volume_type_id", type_="foreignkey")
        # https://alembic.sqlalchemy.org/en/latest/naming.html
        batch_op.drop_constraint("fk_volume_group_id", type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_volume_group_id"))
        batch_op.drop_column("restore_from")
        batch_op.drop_column("revert_to")
        batch_op.drop_column("target_pool")
        batch_op.drop_column("group_id")
        batch_op.drop_column("key_id")
        batch_op.drop_column("multiattach")
        batch_op.drop_column("read_only")
        batch_op.drop_column("bootable")
        batch_op.drop_column("properties")
        batch_op.drop_column("image_properties")
        batch_op.drop_column("source_id")
        batch_op.drop_column("source_kind")
        batch_op.drop_column("type_id")
        batch_op.drop_column("pool")

    with op.batch_alter_table("volumetransfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_volumetransfer_project_id"))

    op.drop_table("volumetransfer")
    with op.batch_alter_table("volumesnapshot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_volumesnapshot_volume_id"))
        batch_op.drop_index(batch_op.f("ix_volumesnapshot_project_id"))
        batch_op.drop_index(batch_op.f("ix_volumesnapshot_group_snapshot_id"))

    op.drop_table("volumesnapshot")
    with op.batch_alter_table("groupsnapshot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_groupsnapshot_project_id"))
        batch_op.drop_index(batch_op.f("ix_groupsnapshot_group_id"))

    op.drop_table("groupsnapshot")
    with op.batch_alter_table("volumegroup", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_volumegroup_project_id"))

    op.drop_table("volumegroup")
    with op.batch_alter_table("volumebackup", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_volumebackup_volume_id"))
        batch_op.drop_index(batch_op.f("ix_volumebackup_project_id"))
        batch_op.drop_index(batch_op.f("ix_volumebackup_parent_id"))

    op.drop_table("volumebackup")
    op.drop_table("volumetype")
    op.drop_table("storagepool")
    op.drop_table("qosspec")
