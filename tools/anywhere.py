"""Does every trained number keep its bounds on other machines? Prints a table of the worst cases.

    python tools/anywhere.py                          every setting, five seeds each
    python tools/anywhere.py --threads 2 --seeds 3 -- -k alexnet

Runs the tests marked `trained` for each kind of processor and number of threads. Other kinds of
x86 processor are played on this one: torch and oneDNN take the instruction set from the
environment. What a processor cannot do at all, it cannot play: the newest kind is this machine's.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FP32 = {"TLHELPERS_PRECISION": "fp32"}
PROCESSORS = {
    "as it is": {},
    "fp32": FP32,
    "AVX2": FP32 | {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "SSE4.1": FP32 | {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


def run(processor: str, threads: int, seeds: int, extra: list[str]) -> dict[str, dict]:
    """Run the trained tests in one setting: {test with seed: {"failed": bool, "numbers": ...}}."""
    settings = PROCESSORS[processor] | {"TLHELPERS_TEST_THREADS": str(threads)}
    settings["OMP_WAIT_POLICY"] = "PASSIVE"  # there may be more threads than cores
    settings["TLHELPERS_TEST_SEEDS"] = str(seeds)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "--slow", "-p", "no:cacheprovider"]
        command += ["-m", "trained and not gpu", f"--junitxml={report}", "tests", *extra]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
        )
        if done.returncode not in (0, 1):  # 1: tests failed, which is what we count
            sys.exit(done.stdout + done.stderr)
        return dict(map(read_case, ElementTree.parse(report).iter("testcase")))


def read_case(case: ElementTree.Element) -> tuple[str, dict]:
    numbers = {p.get("name"): json.loads(p.get("value")) for p in case.iter("property")}
    failed = case.find("failure") is not None or case.find("error") is not None
    name = f"{case.get('classname').split('.')[-1]}::{case.get('name')}"
    return name, {"failed": failed, "skipped": case.find("skipped") is not None, "numbers": numbers}


def without_seed(name: str) -> str:
    """test[3] -> test, test[3-resnet18] -> test[resnet18]: the seed is the first parameter."""
    return re.sub(r"\[\d+-", "[", re.sub(r"\[\d+\]$", "", name))


def table(runs: dict[str, dict[str, dict]]) -> tuple[list[str], list[str]]:
    """Lines of a Markdown table, one a number, and the settings in which a test failed."""
    values, bounds, failures = defaultdict(list), {}, []
    for setting, cases in runs.items():
        for name, case in cases.items():
            if case["failed"]:
                failures.append(f"{name} with {setting}")
            for number, (value, *limits) in case["numbers"].items():
                values[without_seed(name), number].append(value)
                bounds[without_seed(name), number] = limits
    lines = ["| test | number | bounds | lowest | highest | runs |", "|---|---|---|---:|---:|---:|"]
    for key, found in values.items():
        above, below = bounds[key]
        limits = [f"> {above:g}"] if above > -math.inf else []
        limits += [f"< {below:g}"] if below < math.inf else []
        cells = [*key, " and ".join(limits), f"{min(found):.4g}", f"{max(found):.4g}"]
        lines.append(f"| {' | '.join([*cells, str(len(found))])} |")
    return lines, failures


def processors() -> list[str]:
    """The kinds that this machine can play."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return list(PROCESSORS)
    return ["as it is", "fp32"]  # the instruction sets above are x86's


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processors", nargs="+", choices=PROCESSORS, default=processors())
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("pytest", nargs="*", help="options for pytest, after --")
    options = parser.parse_args()
    runs = {}
    for processor in options.processors:
        for threads in options.threads:
            start, setting = time.perf_counter(), f"{processor}, {threads} threads"
            runs[setting] = run(processor, threads, options.seeds, options.pytest)
            failed = sum(case["failed"] for case in runs[setting].values())
            seconds = time.perf_counter() - start
            print(
                f"{setting}: {len(runs[setting])} tests, {failed} failed, {seconds:.0f} s",
                flush=True,
            )
    lines, failures = table(runs)
    print("", *lines, "", sep="\n")
    print(*(f"failed: {failure}" for failure in failures), sep="\n")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
