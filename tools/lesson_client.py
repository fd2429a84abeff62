"""Run notebooks without a browser, and without the pause that nbclient may make."""

from __future__ import annotations

import zmq
from nbclient import NotebookClient


class LessonClient(NotebookClient):
    """A client that looks once a second for messages that arrived without waking it up.

    For every output inside `widgets.interact`, nbclient writes to the socket on which it waits for
    "this cell is done" (`OutputWidget.sync_state`). If that message arrives just before, the write
    uses up the socket's wake-up signal, and the client sleeps until the cell's time-out. pyzmq
    looks again when it is asked for the socket's events.
    """

    async def _async_check_alive(self) -> None:  # nbclient calls it once a second
        await super()._async_check_alive()
        for channel in (self.kc.shell_channel, self.kc.iopub_channel):
            channel.socket.get(zmq.EVENTS)
