"""Extra DHCP options and DNS names of ports, DNS domains of networks, IPv6 modes of subnets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("dns_domain", sa.String(length=255), nullable=False, server_default="")
        )
    with op.batch_alter_table("subnet", schema=None) as batch_op:
        for name in ("ipv6_ra_mode", "ipv6_address_mode"):
            batch_op.add_column(sa.Column(name, sa.String(length=16), nullable=True))
    with op.batch_alter_table("port", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("dns_name", sa.String(length=63), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("extra_dhcp_opts", sa.JSON(), nullable=False, server_default="[]")
        )


def downgrade() -> None:
    with op.batch_alter_table("port", schema=None) as batch_op:
        batch_op.drop_column("extra_dhcp_opts")
        batch_op.drop_column("dns_name")
    with op.batch_alter_table("subnet", schema=None) as batch_op:
        batch_op.drop_column("ipv6_address_mode")
        batch_op.drop_column("ipv6_ra_mode")
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.drop_column("dns_domain")
