"""Commands: check this machine, get what the full profile uses, train a classifier on your own
images, compare it, use it."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys

from ..core.errors import InputError, on_command_line
from . import fetch_command
from .settings import METHODS, Settings

# The libraries behind a command are imported when it runs: `--help` answers at once.

EXAMPLES = """examples:
  python -m tlhelpers doctor
  python -m tlhelpers fetch --profile full
  python -m tlhelpers finetune PHOTOS --backbone efficientnet_lite0 --out runs/mine
  python -m tlhelpers predict runs/mine PICTURE_OR_FOLDER ...
  python -m tlhelpers export runs/mine --format onnx
  python -m tlhelpers compare runs/mine runs/other --out runs/compared
  python -m tlhelpers grade runs/capstone

PHOTOS holds one folder for each class. `python -m tlhelpers COMMAND --help` lists the options.
exit status: 0 done, 1 an error that is explained, 2 wrong usage, 3 some pictures could not be read,
130 interrupted
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status (see `EXAMPLES`)."""
    for stream in (sys.stdout, sys.stderr):  # a class name the terminal cannot show ends no job
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        with on_command_line():
            return options.run(options)
    except InputError as error:
        return _failed(options, error)
    except BrokenPipeError:  # whoever read the output (head, less) has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        resume = "; the same command resumes from the last save" if options.resumes else ""
        print(f"interrupted{resume}", file=sys.stderr)
        return 130


def _failed(options: argparse.Namespace, error: Exception) -> int:
    print(f"tlhelpers {options.command}: {error}", file=sys.stderr)
    return 1


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import doctor

    report = doctor()
    print(report.to_json() if options.form == "json" else report)
    return 0 if report.ready else 1


def _finetune(options: argparse.Namespace) -> int:
    import matplotlib

    from ..core.process_group import PeerLost, connect
    from .card import command
    from .finetune import finetune

    matplotlib.use("Agg")
    names = [field.name for field in dataclasses.fields(Settings)]
    try:
        with connect() as processes:
            metrics = finetune(
                options.data,
                options.out,
                Settings(**{name: getattr(options, name) for name in names}),
                device=options.device,
                overwrite=options.overwrite,
                save_every=options.save_every,
                threads=options.threads,
                processes=processes,
            )
    except PeerLost as error:
        return _failed(options, error)
    if metrics:
        for warning in metrics["warnings"]:
            print(f"mind: {warning}")
        for name, stage in metrics["stages"].items():
            low, high = stage["interval"]
            print(
                f"{name}: {stage['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {stage['n']} test "
                f"images, balanced {stage['balanced_accuracy']:.3f}"
            )
        print(f"{options.out}: see README.md for the results; model.safetensors is the classifier")
        run = command(shlex.quote(sys.executable))
        print(f"use it: {run} predict {shlex.quote(options.out)} PICTURE ...")
    return 0


def _predict(options: argparse.Namespace) -> int:
    from .prediction import predict_files

    return predict_files(
        options.model,
        options.pictures,
        form=options.form,
        top=options.top,
        device=options.device,
        threads=options.threads,
    )


def _export(options: argparse.Namespace) -> int:
    from .export import export

    path = export(options.model, options.format, options.out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, gives the same answers as predict")
    return 0


def _compare(options: argparse.Namespace) -> int:
    import json

    import matplotlib

    from . import comparison_report as report
    from .comparison import compare_runs

    matplotlib.use("Agg")
    comparison = compare_runs(
        options.runs, test=options.test, device=options.device, threads=options.threads
    )
    if options.form == "json":
        print(json.dumps(comparison.to_dict(), indent=1))
    elif options.form == "csv":
        print(report.as_csv(comparison), end="")
    else:
        print(comparison)
    if options.out:
        for path in report.write(comparison, options.out):
            print(f"wrote {path}", file=sys.stderr)
    return 0


def _grade(options: argparse.Namespace) -> int:
    from .rubric import grade

    print(grade(options.report))
    return 0


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults, where there is one to tell."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default in (None, False) or action.required:
            return action.help or ""
        return super()._get_help_string(action) or ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tlhelpers",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add_command(name: str, run, what: str, resumes: bool = False):
        command = commands.add_parser(name, help=what, description=what, formatter_class=_Help)
        command.set_defaults(run=run, resumes=resumes)
        return command.add_argument

    add = add_command("doctor", _doctor, "check this machine; exit status 1 if it is not ready")
    add("--json", dest="form", action="store_const", const="json", help="the report for programs")
    what = "download what the full profile uses, once, and verify it"
    fetch_command.add_arguments(add_command("fetch", fetch_command.run, what, True))
    _add_finetune(
        add_command("finetune", _finetune, "train a classifier on a folder of class folders", True)
    )
    add = add_command("predict", _predict, "say what is in pictures")
    add("model", help="a model.safetensors of finetune, or the folder it lies in")
    add("pictures", nargs="+", help="picture files, or folders of them")
    add("--top", type=int, default=3, help="so many classes for each picture, as text")
    add("--json", dest="form", action="store_const", const="json", help="a JSON object a line")
    add("--csv", dest="form", action="store_const", const="csv", help="a table with all classes")
    add("--threads", type=int, default=2, help="that decode images")
    _add_device(add)

    add = add_command("export", _export, "write a classifier for use without this library")
    add("model", help="a model.safetensors of finetune, or the folder it lies in")
    formats = ("onnx", "torchscript", "state-dict")
    add(
        "--format",
        choices=formats,
        required=True,
        help="onnx: pip install onnx onnxruntime onnxscript first",
    )
    add("--out", help="the file; beside the model if left out")

    what = "say which of several finished runs is better, and whether that is more than chance"
    add = add_command("compare", _compare, what)
    add("runs", nargs="+", metavar="RUN", help="a folder that finetune wrote; two or more of them")
    add(
        "--test",
        metavar="FOLDER",
        help="class folders with images, which every run predicts; those that one of the runs was "
        "trained on are left out. If this is left out: the test images that all runs have in "
        "their split.json",
    )
    add("--out", metavar="DIR", help="also write compare.md and compare.png there")
    add("--json", dest="form", action="store_const", const="json", help="everything as one object")
    add("--csv", dest="form", action="store_const", const="csv", help="a row for each difference")
    add("--threads", type=int, default=2, help="that decode images")
    _add_device(add)
    add = add_command("grade", _grade, "score the report of lesson 14, your own job")
    add("report", help="the folder with report.json, such as runs/capstone")
    return parser


def _add_finetune(add) -> None:
    default = {f.name: f.default for f in dataclasses.fields(Settings)}
    add("data", help="class folders with images, or train/ and val/ and/or test/ of them")
    add(
        "--backbone",
        required=True,
        help="pre-trained network: efficientnet_lite0 comes with the course; any of timm:NAME and "
        "torchvision:NAME whose weights are on this machine, or with --weights",
    )
    add("--weights", help="file with other weights for the backbone: safetensors, or torch's")
    add("--out", required=True, help="folder for the results; an interrupted run there is resumed")
    add(
        "--method",
        choices=METHODS,
        default=default["method"],
        help="probe: a new head on the frozen network, in seconds. lp-ft: the same, then the whole "
        "network is trained from there. full: the whole network from a random head",
    )
    add("--train-from", help="lp-ft and full: the first layer that is trained; earlier ones stay")
    add("--epochs", type=int, default=default["epochs"], help="of training the whole network")
    add("--batch-size", type=int, default=default["batch_size"], help="over all processes")
    add("--lr", type=float, default=default["lr"], help="highest learning rate of the head")
    add("--backbone-lr", type=float, default=default["backbone_lr"], help="of all other layers")
    add("--weight-decay", type=float, default=default["weight_decay"], help="of weight matrices")
    share = "share of the images that "
    add("--val-share", type=float, default=default["val_share"], help=share + "choose the epoch")
    add("--test-share", type=float, default=default["test_share"], help=share + "are reported on")
    add("--size", type=int, help="side of the images in pixels; the backbone's own if left out")
    add("--seed", type=int, default=default["seed"], help="of the split and of training")
    choices = ("raise", "skip")
    add("--on-error", choices=choices, default=default["on_error"], help="for unreadable images")
    add("--threads", type=int, default=2, help="that decode images")
    add("--save-every", type=float, default=30.0, help="seconds between saves")
    add("--overwrite", action="store_true", help="delete what an earlier run left in --out")
    _add_device(add)


def _add_device(add) -> None:
    add("--device", help="cuda, mps or cpu; the best there is if left out")
