# Needs only Python 3.11 and make; everything else goes into .venv.
#   make train    learn to open three doors in sequence (quick profile), then show the table
#   make test     the tests, without the slow ones, on all cores (at most 8)
# Another interpreter: make PYTHON=python3.12 ...    More settings: make train ARGS="seed=1 profile=full"

PYTHON ?= python3.11
VENV ?= .venv
ARGS ?=
PYTEST_ARGS ?=
# Processes that share the tests: one for each core that may be used. WORKERS=0 runs them in one process.
WORKERS ?= $(shell $(BIN)/python -c "from crl.cores import cores; print(min(cores(), 8))")

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
MANIFEST := pyproject.toml constraints.txt crl/version.py hatch_build.py crl/kernel/building.py $(wildcard crl/kernel/source/*)
# Small matrices get slower with more threads; crl sets PyTorch's own number itself.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install install-dev train test test-slow test-share test-ros check format bench docs clean distclean

help:
	@sed -n 's/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST)) | head -4
	@echo "Targets: install install-dev train test test-slow test-share test-ros check format bench docs clean distclean"

# Stamps: an installation happens again only after a change of what it depends on.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(MANIFEST) | $(BIN)/python
	@echo "installing crl into $(VENV); the first time, this downloads PyTorch and MuJoCo"
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable ".[dev,viz]"
	@touch $@

# ROS 2 as wheels (Python 3.11 on x86-64 Linux); a computer with a ROS 2 of its own tests with that one.
$(VENV)/.installed-ros: $(VENV)/.installed-dev ros_ws/src/crl_ros/setup.py
	$(PIP) --editable ".[ros,bags]" ./ros_ws/src/crl_ros
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --editable ".[docs]"
	@touch $@

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

train: $(VENV)/.installed
	$(BIN)/crl train env=door_open $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# A share of the slow tests, another one after each commit: four in a row run all of them.
SHARE ?= $(shell expr $$(git rev-list --count HEAD 2>/dev/null || echo 0) % 4)/4
test-share: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow --share $(SHARE) -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test-ros: $(VENV)/.installed-ros
	$(BIN)/python -m pytest -m "not slow" tests/ros $(PYTEST_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev
	@for script in $(filter-out benchmarks/bench_speed.py,$(wildcard benchmarks/bench_*.py)); do \
		if [ -e "$$script" ]; then echo "== $$script" && $(BIN)/python "$$script" || exit 1; fi; \
	done
	$(BIN)/python benchmarks/bench_speed.py --json docs/results/performance.json
	$(BIN)/crl bench lifelong --json docs/results/lifelong.json --plot docs/results/lifelong.png
	$(BIN)/python scripts/page_performance.py

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find crl envs robots tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
