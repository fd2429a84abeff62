"""Progress in a terminal, in a log file and in a notebook."""

from __future__ import annotations

import io
import re
import sys

import pytest

from tlhelpers.core import progress as module
from tlhelpers.core.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def run(total: int, clock, seconds: float) -> None:
    with Progress(total, "epoch") as progress:
        for done in range(1, total + 1):
            clock[0] += seconds
            progress.update(done, "long text" if done < total else "end")


def test_terminal_rewrites_one_line_and_wipes_it(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    run(3, clock, 1.0)
    written = sys.stderr.getvalue()
    assert written.count("\n") == 1 and written.endswith("\n")
    assert written.split("\r")[1:3] == ["epoch 1/3  long text", "epoch 2/3  long text"]
    last = written.rstrip("\n").split("\r")[-1]
    assert last.rstrip() == "epoch 3/3  end"
    assert "epoch 3/3  end      " in written  # as wide as what stood there


def test_log_file_gets_about_ten_lines(capsys, clock):
    run(1000, clock, 1.0)
    lines = capsys.readouterr().err.splitlines()
    assert 9 <= len(lines) <= 12
    assert lines[-1] == "epoch 1000/1000  end"


def test_at_most_five_updates_a_second_and_the_last_one_always(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    run(1000, clock, 0.001)  # one second in all
    written = sys.stderr.getvalue()
    assert 4 <= written.count("\r") <= 7
    assert "epoch 1000/1000  end" in written


def test_last_line_is_drawn_when_work_stops_early(capsys, clock):
    with pytest.raises(KeyboardInterrupt), Progress(10, "epoch") as progress:
        progress.update(1, "first")
        progress.update(2, "second")  # within the same fifth of a second
        raise KeyboardInterrupt
    assert capsys.readouterr().err.splitlines()[-1] == "epoch 2/10  second"


def test_close_may_give_the_last_word(capsys, clock):
    progress = Progress(2, "epoch")
    progress.update(2, "busy")
    progress.close("done in 3 s")
    assert capsys.readouterr().err.splitlines()[-1] == "epoch 2/2  done in 3 s"


def test_saved_notebook_ends_with_the_last_line():
    """A real kernel: one output, rewritten, whose text is the last line, markup escaped."""
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    source = (
        "import tlhelpers as tl\n"
        "with tl.Progress(5, 'epoch') as progress:\n"
        "    for done in range(1, 6):\n"
        "        progress.update(done, f'loss <.{done}')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"] == "epoch 5/5  loss <.5"
    assert output.data["text/html"] == "<code>epoch 5/5  loss &lt;.5</code>"


CALLBACK = """
import time
import ipywidgets
import tlhelpers as tl

button, output = ipywidgets.Button(), ipywidgets.Output()


def work(_):
    with output, tl.Progress(4, "painting") as progress:
        for done in range(1, 5):
            time.sleep(0.25)
            progress.update(done, f"loss {done}")


button.on_click(work)
print(button.comm.comm_id)
"""


def test_progress_of_a_widgets_callback_moves_and_ends():
    """A real kernel and a click: every line arrives as the value of one widget.

    Updates of a display would be dropped: JupyterLab's Output widget knows no such message.
    """
    manager = pytest.importorskip("jupyter_client.manager")
    with manager.run_kernel(kernel_name="python3") as client:
        client.execute(CALLBACK)
        printed = _messages(client, until="stream")[-1]["content"]["text"]
        click = {"method": "custom", "content": {"event": "click"}}
        content = {"comm_id": printed.strip(), "data": click}
        request = client.session.msg("comm_msg", content)
        client.shell_channel.send(request)
        messages = _messages(client, until="status", parent=request["header"]["msg_id"])
    states = [m["content"]["data"].get("state", {}) for m in messages if "comm" in m["msg_type"]]
    lines = [re.sub("<[^>]*>", "", state["value"]).strip() for state in states if "value" in state]
    assert [line for line in lines if line] == [
        *(f"painting {done}/4  loss {done}" for done in range(1, 5)),
        "painting 4/4  loss 4",
    ]
    assert not any(m["msg_type"] == "update_display_data" for m in messages)


def _messages(client, until: str, parent: str | None = None) -> list[dict]:
    """What the kernel publishes, until a message of this type (status: until it is idle)."""
    found = []
    while True:
        message = client.get_iopub_msg(timeout=60)
        if parent is None or message["parent_header"].get("msg_id") == parent:
            found.append(message)
            idle = message["content"].get("execution_state") in (None, "idle")
            if message["msg_type"] == until and idle:
                return found
