"""A command at work: its arguments, the cloud it opens, and what it tells on stderr."""

from __future__ import annotations

import gc
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from backends.errors import QuarterdeckError
from console.commands.table import printable

if TYPE_CHECKING:
    from backends.access import Access
    from backends.cloud import Cloud
    from backends.plan.plan import Plan
    from console.commands.watch import Watch


class Planned(Exception):
    """Carries a dry run's plan out of a command. It is no error."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


class Job:
    """One run of one command."""

    def __init__(self, args: Namespace) -> None:
        self.args = args
        self.watch: Watch | None = None

    @cached_property
    def access(self) -> Access:
        """Which cloud and as whom, from options and environment."""
        from backends.access import RUN_ROOT, STATE_ROOT, Access
        from backends.settings import DEFAULT_CLOUD, OVS_RUN

        args = self.args
        return Access(
            cloud=args.os_cloud or DEFAULT_CLOUD,
            user=args.os_username,
            password=args.os_password,
            project=args.os_project,
            user_domain=args.os_user_domain or args.os_default_domain,
            project_domain=args.os_project_domain or args.os_default_domain,
            read_only=args.read_only,
            store=args.store or "",
            state_root=Path(args.state_root or STATE_ROOT),
            run_root=Path(args.run_root or RUN_ROOT),
            host=args.own_host or "",
            ovs_run=Path(args.ovs_run or OVS_RUN),
        )

    @cached_property
    def cloud(self) -> Cloud:
        """The cloud, opened when it is first asked for."""
        # Imports make many objects that stay: looking for garbage among them takes long.
        gc.disable()
        try:
            from backends.cloud import Cloud

            cloud = Cloud.open(self.access)
            gc.freeze()
        finally:
            gc.enable()
        return cloud

    def close(self) -> None:
        """Close what was opened."""
        if "cloud" in self.__dict__:
            self.cloud.close()

    def say(self, text: str) -> None:
        """One line of narration."""
        if not self.args.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def each(self, names: Iterable[str], act: Callable[[str], object]) -> None:
        """A verb for each name; ctrl-C ends it between two. Raises Planned in a dry run."""
        if self.args.dry_run:
            from backends.plan.plan import together

            raise Planned(together(self.cloud.preview(partial(act, name)) for name in names))
        for name in names:
            if self.watch is not None:
                self.watch.check()
            act(name)

    def recover(self) -> None:
        """Finish what processes that died had begun, and say so. Its failure stops nobody."""
        cloud = self.cloud
        try:
            for operation in cloud.drift.recover():
                self.say(
                    f"finished {operation.verb} {operation.target_name}, which was interrupted"
                )
        except QuarterdeckError as error:
            self.say(f"what was interrupted could not be finished: {error}")

    def watching(self) -> AbstractContextManager[Watch]:
        """Narrate the verbs within, and let ctrl-C cancel them."""
        from console.commands.watch import Watch

        self.watch = Watch(self.cloud, self.say, self._narrates())
        return self.watch

    def _narrates(self) -> bool:
        return not self.args.quiet and bool(self.args.verbose or sys.stderr.isatty())
