"""Commands: is this machine ready, train a classifier on your own images, use it.

python -m tlhelpers doctor
python -m tlhelpers finetune DATA --backbone efficientnet_lite0 --out runs/mine
python -m tlhelpers predict runs/mine PICTURE ...
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from ..core.errors import InputError

# torch takes seconds to import: each command imports what it needs, and a usage error nothing.


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 130 after an interrupt."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        print(f"tlhelpers {options.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output (head, less) has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last save", file=sys.stderr)
        return 130


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import doctor

    report = doctor()
    print(report)
    return 0 if report.ready else 1


def _finetune(options: argparse.Namespace) -> int:
    from ..core.process_group import PeerLost

    try:
        return _train(options)
    except PeerLost as error:
        raise InputError(str(error)) from error


def _train(options: argparse.Namespace) -> int:
    import matplotlib

    from ..core.process_group import connect
    from .finetune import finetune
    from .settings import Settings

    matplotlib.use("Agg")
    names = [field.name for field in dataclasses.fields(Settings)]
    with connect() as processes:
        settings = Settings(**{name: getattr(options, name) for name in names})
        metrics = finetune(
            options.data,
            options.out,
            settings,
            device=options.device,
            overwrite=options.overwrite,
            save_every=options.save_every,
            threads=options.threads,
            processes=processes,
        )
    if metrics:
        for warning in metrics["warnings"]:
            print(f"mind: {warning}")
        for name, stage in metrics["stages"].items():
            low, high = stage["interval"]
            print(
                f"{name}: {stage['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {stage['n']} test "
                f"images, balanced {stage['balanced_accuracy']:.3f}"
            )
        print(f"{options.out}: README.md says all; model.safetensors is the classifier")
    return 0


def _predict(options: argparse.Namespace) -> int:
    from .prediction import predict_files

    return predict_files(options.model, options.pictures, options.top, options.device)


def _parser() -> argparse.ArgumentParser:
    from .settings import METHODS, Settings

    parser = argparse.ArgumentParser(prog="python -m tlhelpers", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser("doctor", help="check this machine")
    doctor.set_defaults(run=_doctor)

    default = {f.name: f.default for f in dataclasses.fields(Settings)}
    tune = commands.add_parser(
        "finetune",
        help="train a classifier on a folder of class folders",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    tune.set_defaults(run=_finetune)
    add = tune.add_argument
    add("data", help="class folders with images, or train/ and val/ and/or test/ of them")
    add("--backbone", required=True, help="network with weights, such as efficientnet_lite0")
    add("--out", required=True, help="folder for the results; an interrupted run there goes on")
    add("--method", choices=METHODS, default=default["method"], help="head only, then all, or all")
    add("--epochs", type=int, default=default["epochs"], help="of training the whole network")
    add("--batch-size", type=int, default=default["batch_size"], help="over all processes")
    add("--lr", type=float, default=default["lr"], help="highest learning rate of the head")
    add("--backbone-lr", type=float, default=default["backbone_lr"], help="of all other layers")
    add("--weight-decay", type=float, default=default["weight_decay"], help="of weight matrices")
    add(
        "--val-share", type=float, default=default["val_share"], help="images that choose the epoch"
    )
    add("--test-share", type=float, default=default["test_share"], help="images to report on")
    add("--size", type=int, help="side of the images in pixels; None: the backbone's own")
    add("--seed", type=int, default=default["seed"], help="of the split and of training")
    add("--on-error", choices=("raise", "skip"), default="raise", help="for unreadable images")
    add("--device", help="cuda, mps or cpu; None: the best there is")
    add("--threads", type=int, default=2, help="that decode images")
    add("--save-every", type=float, default=30.0, help="seconds between saves")
    add("--overwrite", action="store_true", help="delete what an earlier run left in --out")

    use = commands.add_parser("predict", help="say what is in pictures")
    use.set_defaults(run=_predict)
    use.add_argument("model", help="a model.safetensors of finetune, or the folder it lies in")
    use.add_argument("pictures", nargs="+", help="picture files, or folders of them")
    use.add_argument("--top", type=int, default=3, help="so many classes for each picture")
    use.add_argument("--device", help="cuda, mps or cpu; the best there is if left out")
    return parser
