"""A PostgreSQL server of a test's own: a fresh cluster on a socket in a fresh folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "harbour-Master_7"


@contextmanager
def server() -> Iterator[str]:
    """A running server; yields the URL of its empty database, with user and password."""
    folder = Path(tempfile.mkdtemp(prefix="qdpg"))
    try:
        shutil.chown(folder, "postgres")
        password = folder / "password"
        password.write_text(PASSWORD)
        shutil.chown(password, "postgres")
        _as_postgres(
            "initdb", "--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
            f"--pwfile={password}", f"--pgdata={folder}/data",
        )  # fmt: skip
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=80"
        start = ("-w", f"--pgdata={folder}/data", "-o", options, f"--log={folder}/log", "start")
        _as_postgres("pg_ctl", *start)
        try:
            yield f"postgresql://postgres:{PASSWORD}@/postgres?host={folder}"
        finally:
            _as_postgres("pg_ctl", "-w", "-m", "immediate", f"--pgdata={folder}/data", "stop")
    finally:
        shutil.rmtree(folder)


def _as_postgres(program: str, *arguments: str) -> None:
    newest = max(Path("/usr/lib/postgresql").iterdir(), key=lambda path: int(path.name))
    subprocess.run(
        ["runuser", "-u", "postgres", "--", str(newest / "bin" / program), *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        cwd="/",
    )
