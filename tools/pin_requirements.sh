#!/usr/bin/env bash
# Write requirements.txt: the newest set that fits pyproject.toml with its extras `test` and `docs`,
# for Python 3.10 and later, on Linux, macOS and Windows; and instructors/requirements-nbgrader.txt:
# what the extra `nbgrader` needs on top of it. `make requirements` calls it; commit the result only
# after `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."

compile=(.venv/bin/python -m uv pip compile --universal --python-version 3.10
  --no-python-downloads --no-header --no-annotate --quiet)
pins=$("${compile[@]}" pyproject.toml --extra test --extra docs)

{
  cat <<'HEADER'
# The tested set: exactly these versions passed `make test`. One file for Python 3.10 to 3.13.
#
#     pip install -r requirements.txt
#
# Written by `make requirements` from the ranges in pyproject.toml and its extras `test` and `docs`,
# with uv pip compile --universal --python-version 3.10. Do not edit by hand.
# CUDA libraries and Triton are left out: the torch build that needs them names its own, exactly,
# and a CPU-only torch needs none.
HEADER
  echo "-e ."
  grep -vE "^(nvidia-|cuda-|triton==)|[^!]= 'emscripten'$" <<<"$pins"
} >requirements.txt

tested=$(mktemp)
trap 'rm -f "$tested"' EXIT
grep -v '^-e' requirements.txt >"$tested"
names=$(sed -nE 's/^([a-z0-9._-]+)==.*/\1/p' requirements.txt | sort -u | paste -sd '|')
{
  cat <<'HEADER'
# What nbgrader needs on top of requirements.txt, for instructors: in the course's environment
#
#     pip install -r instructors/requirements-nbgrader.txt
#
# Written by `make requirements` from the extra `nbgrader` of pyproject.toml, with the tested set
# as it is: nothing of it changes. Do not edit by hand.
HEADER
  sed -nE 's/^nbgrader = \["(.*)"\]$/\1/p' pyproject.toml |
    "${compile[@]}" - --constraint "$tested" | grep -vE "^($names)=="
} >instructors/requirements-nbgrader.txt
