"""Names that DNS gives ports, and the domains that they are in (RFC 1123, 2.1)."""

from __future__ import annotations

import re

from backends.errors import Refused

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MOST = 253


def good_dns_name(text: str) -> str:
    """A host's name without domain, in lower case; empty for none. Raises Refused `dns.name`."""
    name = text.lower()
    if name and not _LABEL.fullmatch(name):
        raise Refused("dns.name", f"no host name: {text!r}; it is 1 to 63 of a-z, 0-9 and '-'")
    return name


def good_dns_domain(text: str) -> str:
    """A domain in lower case and without its last dot; empty for none. Raises Refused `dns.domain`.

    One of numbers alone would be taken for an address.
    """
    domain = text.lower().removesuffix(".")
    parts = domain.split(".")
    valid = len(domain) <= _MOST and all(_LABEL.fullmatch(part) for part in parts)
    if text and (not valid or parts[-1].isdecimal()):
        raise Refused("dns.domain", f"no domain: {text!r}; such as cloud.example")
    return domain
