"""The command line: help at once, messages in its own words, exit statuses that mean something."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tlhelpers.core.errors import InputError, arguments, on_command_line, remedy
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.finetune import finetune
from tlhelpers.jobs.settings import Settings


@pytest.mark.parametrize(
    "words",
    [[], ["--help"], ["finetune", "--help"], ["predict", "-h"], ["compare", "-h"], ["fetch", "-h"]],
)
def test_help_needs_no_heavy_import(words):
    """It answers at once: torch and its friends are imported by the command that uses them."""
    code = (
        "import sys\nfrom tlhelpers.jobs.command_line import main\n"
        f"try:\n    status = main({words!r})\n"
        "except SystemExit as error:\n    status = error.code\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'sklearn', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == (0 if words else 2), done.stderr
    assert "usage: python -m tlhelpers" in done.stdout + done.stderr


def test_bare_it_lists_the_commands(capsys):
    assert main([]) == 2
    said = capsys.readouterr().err
    words = ("doctor", "fetch", "finetune", "predict", "export", "compare", "exit status")
    assert all(word in said for word in words)


def test_help_names_no_empty_default_and_explains_each_method(capsys):
    for command in ("doctor", "fetch", "finetune", "predict", "export", "compare"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "default: None" not in said and "default: False" not in said
    assert "(default: lp-ft)" in said and "probe: a new head on the frozen network" in said


def test_a_remedy_is_in_the_words_of_whoever_asked():
    assert remedy("call", "option") == "call" and arguments(lr=0.1, x="a") == 'lr=0.1, x="a"'
    with on_command_line():
        assert remedy("call", "option") == "option"
        assert arguments(val_share=0.6, x="a") == "--val-share 0.6, --x a"
    assert remedy("call", "option") == "call"


def unreadable(data, tmp_path):
    for name in ("ants", "bees"):
        for number, path in enumerate(sorted((data / name).iterdir())[:4]):
            target = tmp_path / "bad" / name / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes()[:300] if number == 3 else path.read_bytes())
    return tmp_path / "bad"


# Faults of a job: options, the settings of the same in Python, words that each must hold.
FAULTS = {
    "unreadable": (
        ["--method", "probe"],
        {"method": "probe"},
        "--on-error skip",
        'on_error="skip"',
    ),
    "shares": (
        ["--val-share", "0.9", "--test-share", "0.5"],
        {"val_share": 0.9, "test_share": 0.5},
        "--val-share 0.9, --test-share 0.5",
        "val_share=0.9, test_share=0.5",
    ),
    "batch": (["--batch-size", "1"], {"batch_size": 1}, "--batch-size 1", "batch_size=1"),
    "size": (["--size", "0"], {"size": 0}, "--size 0", "size=0"),
    "small": (
        ["--backbone", "alexnet", "--size", "16", "--method", "probe"],
        {"backbone": "alexnet", "size": 16, "method": "probe"},
        "Leave --size out",
        "BatchLoader(data, **backbone.preprocessing)",
    ),
    "backbone": (
        ["--backbone", "resnet50"],
        {"backbone": "resnet50"},
        "--weights FILE",
        'load_backbone("resnet50", pretrained=False)',
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_messages_name_options_on_the_command_line_and_arguments_in_python(
    data, tmp_path, capsys, fault, monkeypatch
):
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    options, settings, on_line, in_python = FAULTS[fault]
    folder = unreadable(data, tmp_path) if fault == "unreadable" else data
    job = ["finetune", str(folder), "--out", str(tmp_path / "out"), "--backbone", "resnet18"]
    assert main([*job, *options]) == 1
    said = capsys.readouterr().err
    assert on_line in said and "Traceback" not in said
    assert not re.search(r"\w+=\S|pretrained|load_backbone|tl\.", said), said
    with pytest.raises(InputError) as raised:
        finetune(folder, tmp_path / "out", Settings(**{"backbone": "resnet18", **settings}))
    assert in_python in str(raised.value)
    assert "--val-share" not in str(raised.value) and "--on-error" not in str(raised.value)


def test_a_class_name_that_a_terminal_cannot_show_ends_no_job():
    code = "from tlhelpers.jobs.command_line import main\nmain([])\nprint('\\u87fb')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "\\u87fb" in done.stdout, done.stderr
