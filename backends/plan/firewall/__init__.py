"""The firewall of a host's ports: security groups as stateful OpenFlow. Pure.

A packet's way, with Neutron's table numbers (its Open vSwitch firewall driver):

    60 sorts by the port it came from, or by VLAN and MAC where it came over an uplink
    71 what a port may send at all (its own MAC and addresses), 72 what its groups let it send
    91 counts what was let out, 73 sends it to a local port (81) or on (94)
    81 what a port always gets (ARP, ND, DHCP), 82 what its groups let in, 92 counts and delivers
    93 counts what was dropped, 94 spreads what has many receivers or none that is known here

Register 5 is the port (its OpenFlow number): the sender's up to 73, the receiver's from there on.
Register 6 is the network: its conntrack zone. Register 7 is 1 for what came over an uplink.

Rules decide about every packet of a connection, in both directions: a reply passes only where the
rule that let its request through is still there. So a withdrawn rule ends its connections at once,
and a connection that another rule allows goes on.

A port with stateless groups gets from 71 to 72 and from 81 to 82 without being tracked: its rules
decide about each packet alone. Whoever talks to it and is tracked has its connection committed
in 81.
"""
