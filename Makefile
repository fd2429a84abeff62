# The course in two commands: `make lab` to learn, `make test` to check that everything works.
# The first command installs everything into .venv/. PYTHON=python3.12 chooses another Python,
# TORCH_INDEX=<address> an index to take torch and torchvision from (README: CPU only).
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
PY := .venv/Scripts/python.exe
else
PY := .venv/bin/python
endif
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help lab test test-full test-anywhere env lint run docs site coverage slides release colab requirements clean

help:  ## list the targets
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 16

lab: env  ## open copies of the lessons in JupyterLab (ARGS="--port 9000" passes options on)
	@exec $(PY) tools/open_lab.py $(ARGS)

test: env lint  ## lint, unit tests, every notebook from top to bottom
	@$(PY) -m pytest $(ARGS)

test-full: env lint  ## make test, the slow tests and make test-anywhere
	@$(PY) -m pytest --slow $(ARGS)
	@$(PY) tools/anywhere.py

test-anywhere: env  ## the trained numbers again: kinds of processor x threads x seeds
	@$(PY) tools/anywhere.py $(ARGS)

env: $(READY)  ## make .venv with the tested set of packages

lint: env  ## check code and notebooks with ruff
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

run: env  ## run the lessons without a browser and write them as pages to build/
	@$(PY) tools/build_pages.py $(ARGS)

docs: env  ## write the reference of the library from its docstrings to build/docs/
	@$(PY) tools/build_docs.py $(ARGS)

site: env  ## write the whole course as a static site to build/site/ (installs Sphinx and myst-nb)
	@$(PY) -c 'import furo, myst_nb' 2>/dev/null || $(PY) -m uv pip install --quiet --python $(PY) -e ".[site]"
	@$(PY) tools/build_site.py $(ARGS)

coverage: env  ## write docs/coverage.md and docs/verdicts.md (ARGS=--run runs the lessons first)
	@$(PY) tools/write_coverage.py $(ARGS)

slides: env  ## draw the figures of the decks and build the decks (needs Node.js)
	@$(PY) slides/figures.py
	@cd slides && npm ci --silent && node build.mjs

release: env  ## write the students' folder and the nbgrader course to build/release/
	@$(PY) tools/make_release.py $(ARGS)

colab: env  ## write the lessons for Google Colab to build/colab/ (ARGS="--repository ADDRESS")
	@$(PY) tools/make_colab.py $(ARGS)

requirements: env  ## pin today's newest versions that fit pyproject.toml (then: make test)
	@bash tools/pin_requirements.sh

clean:  ## delete what the targets made; keep .venv, runs/ and my_notebooks/
	@rm -rf build slides/node_modules .pytest_cache .ruff_cache tlhelpers.egg-info
	@find . -name .venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

# uv installs in seconds what takes pip minutes; plain pip gives the same result (README).
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(sys.version_info < (3, 10) and "The course needs Python 3.10 to 3.13, and $(PYTHON) is " + v + ". Install a newer one, then: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Installing the tested set into .venv (6 GB on Linux with CUDA, about 2 GB elsewhere)"
	@$(PYTHON) -m venv .venv || { echo "No venv module: install it (Debian, Ubuntu: apt install python3-venv), then call make again."; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@if [ -n "$(TORCH_INDEX)" ]; then grep -E '^torch(vision)?==' requirements.txt \
	  | $(PY) -m uv pip install --python $(PY) --index-url "$(TORCH_INDEX)" -r -; fi
	@$(PY) -m uv pip install --quiet --python $(PY) -r requirements.txt
	@touch $(READY)
