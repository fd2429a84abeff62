"""Settings of the nbgrader course that `make release` writes; nbgrader reads them from here."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # lesson_client.py lies beside this file

from lesson_client import LessonClient
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade

c = get_config()  # noqa: F821 (nbgrader defines it)
c.CourseDirectory.course_id = "transfer_learning"

# Nobody learns where nbgrader runs a notebook, and a lesson runs on the embedded data.
os.environ["TLHELPERS_PROGRESS"] = "off"
os.environ.setdefault("TLHELPERS_PROFILE", "mini")


class LessonExecute(Execute, LessonClient):
    """Run a lesson without the pause that nbclient may make, and do not punish warnings."""

    def preprocess_cell(self, cell, resources, index):
        cell, resources = super().preprocess_cell(cell, resources, index)
        if is_grade(cell):  # nbgrader gives 0 points where anything was written to stderr
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        return cell, resources


# An endless loop costs its exercise alone, and two minutes. The course's slowest cell takes 15 s.
c.Execute.timeout = 120
# nbgrader waits 4 s for the last output of a cell, too short for a laptop that does other work:
# the whole notebook would fail.
c.Execute.iopub_timeout = 60
# Instead of `raise NotImplementedError()`: the scaffold around a solution runs as it is.
c.ClearSolutions.code_stub = {"python": ""}
# A check that a student has deleted comes back, and gives 0 points where nothing answers it.
c.OverwriteCells.add_missing_cells = True

from nbgrader.converters import Autograde  # noqa: E402

c.Autograde.autograde_preprocessors = [
    LessonExecute if step is Execute else step
    for step in Autograde.autograde_preprocessors.default_args[0]
]
