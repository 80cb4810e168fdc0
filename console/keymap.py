"""Keys as the operator wants them: a TOML file of action ids.

    [keys]
    "instance.delete" = "ctrl+x"
    "instance.start" = "o,f6"

The system's file is read first, then the user's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from backends.errors import Refused

SYSTEM = Path("/etc/quarterdeck/keys.toml")


def files() -> list[Path]:
    """Where key maps are looked for."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [SYSTEM, home / "quarterdeck" / "keys.toml"]


def read(paths: Iterable[Path] | None = None) -> dict[str, str]:
    """Keys by action id. Raises Refused `keys.invalid` with what is wrong in which file."""
    found: dict[str, str] = {}
    for path in files() if paths is None else paths:
        if path.is_file():
            found |= _read(path)
    return found


def _read(path: Path) -> dict[str, str]:
    import tomllib

    try:
        keys = tomllib.loads(path.read_text()).get("keys", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused("keys.invalid", f"{path}: {error}") from None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise Refused("keys.invalid", f'{path}: [keys] holds lines as "instance.delete" = "ctrl+x"')
    return keys
