#!/usr/bin/env bash
# Write requirements.txt: the newest set that fits pyproject.toml with its extras `test` and `docs`,
# for Python 3.10 and later, on Linux, macOS and Windows. `make requirements` calls it; commit the
# result only after `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."

pins=$(.venv/bin/python -m uv pip compile pyproject.toml --extra test --extra docs --universal \
  --python-version 3.10 --no-python-downloads --no-header --no-annotate --quiet)

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
  grep -vE "^(nvidia-|cuda-|triton==)|emscripten'$" <<<"$pins"
} >requirements.txt
