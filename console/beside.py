"""Work beside the event loop, in threads that never hold up leaving: what a call to a daemon that
hangs was doing is found in the journal."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable

from textual.message import Message
from textual.message_pump import MessagePump


class Crashed(Message):
    """Work failed in a way that nobody expected."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def beside(node: MessagePump, work: Callable[[], Message | None]) -> None:
    """Run `work` in a thread and post the message it returns to `node`.

    An exception that `work` lets out is posted as `Crashed`, which bubbles up to the application.
    """
    context = contextvars.copy_context()

    def run() -> None:
        try:
            message = work()
        except Exception as error:  # whatever it is, it must reach the person as one line
            message = Crashed(error)
        if message is not None:
            post(node, message)

    threading.Thread(target=context.run, args=(run,), name="beside", daemon=True).start()


def post(node: MessagePump, message: Message) -> None:
    """Post from any thread; when the application is gone there is nobody to tell."""
    try:
        node.post_message(message)
    except RuntimeError:
        return  # the event loop is closed
