"""Read what a config drive says, for a cloud whose store was lost."""

from __future__ import annotations

from pathlib import Path

from backends.hosts import Host

_USER_DATA = "/openstack/latest/user_data"


def user_data(host: Host, folder: Path) -> str | None:
    """The user data in the config drive of an instance's folder, None where it has none.

    isoinfo(1) prints one file of an ISO 9660 image by its Rock Ridge path, and nothing where
    there is no such file.
    """
    drives = [name for name in host.list_dir(folder) if name.startswith("config-")]
    for name in drives:
        argv = ["isoinfo", "-i", str(folder / name), "-R", "-x", _USER_DATA]
        done = host.run(argv, reads=True, check=False)
        if done.status == 0 and done.stdout:
            return done.stdout
    return None
