# The course in a container, for the CPU:
#   docker build -t tlhelpers .
#   mkdir -p my_notebooks        # yours, before Docker makes it root's; the container's user is 1000
#   docker run --rm -p 127.0.0.1:8888:8888 -v "$PWD/my_notebooks:/course/my_notebooks" tlhelpers
# Then open the address with the token that the second command prints.
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 learner \
    && install --directory --owner learner /course

USER learner
WORKDIR /course
# The packages first: a change of a lesson does not install them again.
COPY --chown=learner requirements.txt pyproject.toml Makefile README.md LICENSE ./
COPY --chown=learner tlhelpers/__init__.py tlhelpers/__init__.py
RUN make env TORCH_INDEX=https://download.pytorch.org/whl/cpu && rm -rf ~/.cache
COPY --chown=learner . .
# Copied files are newer than the mark of the environment; it holds all the same.
RUN touch .venv/.ready

EXPOSE 8888
# Inside the container JupyterLab must listen to all addresses; -p above opens it to this machine only.
CMD ["make", "lab", "ARGS=--ip 0.0.0.0 --port 8888 --no-browser"]
