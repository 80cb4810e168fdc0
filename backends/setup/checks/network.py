"""What networks stand on: Open vSwitch, namespaces, nftables, conntrack, dnsmasq, sysctls."""

from __future__ import annotations

from pathlib import Path

from backends.hosts import Host
from backends.setup.check import (
    MEND_DAEMONS,
    Check,
    Finding,
    ask,
    fail,
    install,
    last_line,
    ok,
    skip,
    tool,
    warn,
)

_TUN = Path("/dev/net/tun")
_KERNEL_DATAPATH = Path("/sys/module/openvswitch")
_OVS_TIMEOUT = "--timeout=3"
# A router's needs, tried in a namespace that goes with the command.
_NAT_RULES = """
table ip doctor {
  chain forward {
    type filter hook forward priority 0
    ct state established accept
  }
  chain nat {
    type nat hook postrouting priority 100
    masquerade
  }
}
"""


def tun(host: Host) -> Finding:
    """tun(4), the guests' network cards."""
    if not host.exists(_TUN):
        return fail(f"there is no {_TUN}", f"modprobe tun, or: mknod {_TUN} c 10 200")
    return ok(str(_TUN))


def database(host: Host) -> Finding:
    """ovsdb-server answers."""
    said = ask(host, ("ovs-vsctl", _OVS_TIMEOUT, "--no-wait", "get", "Open_vSwitch", ".", "_uuid"))
    if said.status == 127:
        return fail("ovs-vsctl is not installed", install("openvswitch-switch"))
    return ok("ovsdb-server answers") if said.status == 0 else fail(last_line(said), MEND_DAEMONS)


def switch(host: Host) -> Finding:
    """ovs-vswitchd answers, which the database alone does not say."""
    said = ask(host, ("ovs-appctl", _OVS_TIMEOUT, "version"))
    if said.status == 127:
        return fail("ovs-appctl is not installed", install("openvswitch-switch"))
    if said.status != 0:
        return fail(last_line(said), MEND_DAEMONS)
    return ok(said.stdout.splitlines()[0])


def switch_datapath(host: Host) -> Finding:
    """Which datapath is used: the kernel's where its module is loaded."""
    if host.exists(_KERNEL_DATAPATH):
        return ok("kernel (datapath_type=system)")
    if ask(host, ("modprobe", "--dry-run", "--quiet", "openvswitch")).status == 0:
        return warn("userspace: the kernel's openvswitch is not loaded", "modprobe openvswitch")
    return warn("userspace (datapath_type=netdev), slower: the kernel has no openvswitch")


def switch_conntrack(host: Host) -> Finding:
    """Security groups need ct(): always there in user space, a kernel feature otherwise."""
    bridges = ask(host, ("ovs-vsctl", _OVS_TIMEOUT, "--no-wait", "list-br")).stdout.split()
    if not bridges:
        if not host.exists(_KERNEL_DATAPATH):
            return ok("part of the userspace datapath")
        return skip("no bridge to ask; the kernel datapath has it where nf_conntrack is loaded")
    features = ask(host, ("ovs-appctl", _OVS_TIMEOUT, "dpif/show-dp-features", bridges[0])).stdout
    for wanted in ("CT state", "CT zone", "CT mark", "CT state NAT"):
        if f"{wanted}: Yes" not in features:
            return fail(f"{bridges[0]} lacks {wanted}", "modprobe nf_conntrack")
    return ok(f"state, zones, marks and NAT, says {bridges[0]}")


def namespaces(host: Host) -> Finding:
    """network_namespaces(7): one is made, and goes with the command."""
    said = ask(host, ("unshare", "--net", "ip", "-oneline", "link", "show", "lo"))
    if said.status != 0:
        return fail(last_line(said), "a kernel with CONFIG_NET_NS, and root, are needed")
    return ok("a namespace was made and left")


def nftables(host: Host) -> Finding:
    """nft(8): filter, conntrack and NAT, loaded into a namespace that goes with the command."""
    said = ask(host, ("unshare", "--net", "nft", "-f", "-"), stdin=_NAT_RULES)
    if said.status == 0:
        return ok("filter, conntrack and NAT rules load")
    found = tool(host, ("nft", "--version"), package="nftables")
    return fail(last_line(said), "modprobe nf_tables nf_nat") if found.mend == "" else found


def conntrack(host: Host) -> Finding:
    """conntrack(8)."""
    return tool(host, ("conntrack", "--version"), package="conntrack", least=(1, 4))


def dnsmasq(host: Host) -> Finding:
    """dnsmasq(8), one for each network."""
    return tool(host, ("dnsmasq", "--version"), package="dnsmasq-base", least=(2, 85))


def ethtool(host: Host) -> Finding:
    """ethtool(8), which turns checksum offload off for the userspace datapath."""
    return tool(host, ("ethtool", "--version"), package="ethtool")


def forwarding(host: Host) -> Finding:
    """ip-sysctl: the host itself forwards only where guests leave through it."""
    value = (host.read_text(Path("/proc/sys/net/ipv4/ip_forward")) or "").strip()
    if value == "1":
        return ok("net.ipv4.ip_forward=1")
    return warn(
        "net.ipv4.ip_forward=0: guests reach this machine, and nothing beyond it",
        "sysctl -w net.ipv4.ip_forward=1",
    )


def bridge_filter(host: Host) -> Finding:
    """br_netfilter shows bridged frames to the host's firewall."""
    value = host.read_text(Path("/proc/sys/net/bridge/bridge-nf-call-iptables"))
    if value is None or value.strip() == "0":
        return ok("bridged frames do not pass the host's firewall")
    return warn(
        "bridge-nf-call-iptables=1: frames on Linux bridges pass the host's firewall"
        " (Open vSwitch's do not)",
        "sysctl -w net.bridge.bridge-nf-call-iptables=0",
    )


CHECKS = (
    Check("net.tun", "TUN/TAP", tun),
    Check("net.namespaces", "Network namespaces", namespaces, needs_root=True),
    Check("net.nftables", "nftables", nftables, needs_root=True),
    Check("net.conntrack", "conntrack", conntrack),
    Check("net.dnsmasq", "dnsmasq", dnsmasq),
    Check("net.ethtool", "ethtool", ethtool),
    Check("net.forwarding", "IP forwarding", forwarding),
    Check("net.bridge-filter", "Firewall on bridges", bridge_filter),
    Check("ovs.database", "Open vSwitch's database", database, needs_root=True),
    Check("ovs.switch", "Open vSwitch's switch", switch, needs_root=True),
    Check("ovs.datapath", "Open vSwitch's datapath", switch_datapath),
    Check("ovs.conntrack", "Open vSwitch's conntrack", switch_conntrack, needs_root=True),
)
