# Each target sets up what it needs: a Python that runs, .venv, the packages.
# ARGS reaches pytest: make bench ARGS="--profile smoke --experiment scratch"
# and the report: make report RESULTS="results friends/*.json" ARGS="--baseline NAME"

PYTHON := .venv/bin/python
NAME =
SAVE := $(if $(NAME),--benchmark-save=$(NAME))
RESULTS = results
OUT = report
# pyproject.toml's extras that are installed. FRAMEWORKS=tensorflow-cuda is for a clone of its own: docs/cuda.md
FRAMEWORKS = default
# After a session, whatever became of it: what was measured is written up, and the session's status stays.
WRITE = ended=$$?; $(PYTHON) -m reports $(RESULTS) --out $(OUT); exit $$ended

# Two processes, each test file in one of them: files share what is costly to make, and some hold 2 GB.
TESTS = $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: bench resume report doctor torture test test-fast test-engines check format help

bench: .venv/installed ## train and measure every cell, save to results/, write the report (NAME=…, ARGS=…)
	$(PYTHON) -m pytest bench $(SAVE) $(ARGS); $(WRITE)

resume: .venv/installed ## go on with the last session that was cut off (ARGS=…)
	$(PYTHON) -m pytest bench --resume $(ARGS); $(WRITE)

report: .venv/installed ## write report/ from results/ (RESULTS="FILES, FOLDERS, GLOBS", OUT=…, ARGS=…)
	$(PYTHON) -m reports $(RESULTS) --out $(OUT) $(ARGS)

doctor: .venv/installed ## what would spoil a run on this computer, and how to mend it (ARGS=…)
	$(PYTHON) -m bench.doctor $(ARGS)

test: .venv/installed ## the project's own tests, with the engines torch and tensorflow (ARGS=…)
	$(TESTS) -m "not engines" $(ARGS)

test-fast: .venv/installed ## those that train nothing and run no whole session, in a minute (ARGS=…)
	$(TESTS) -m "not slow and not engines" $(ARGS)

test-engines: .venv/engines ## the tests of all other engines; installs their frameworks (ARGS=…)
	$(TESTS) -m engines -rs $(ARGS)

torture: .venv/installed ## kill, stop, fill and damage sessions, and resume them (ARGS="--faults 200")
	$(PYTHON) -m tests.torture $(ARGS)

check: .venv/installed ## lint, formatting and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: .venv/installed ## let ruff mend what it can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A name on the PATH proves nothing (a version manager's stub only fails), so each is tried. An Intel Python
# on an Apple silicon Mac finds no torch and no GPU.
define RUNS_HERE
import platform, sys
mac_but_intel = sys.platform == "darwin" and platform.machine() != "arm64"
sys.exit(mac_but_intel or sys.version_info[:2] not in [(3, 11), (3, 12)])
endef
export RUNS_HERE

.venv/installed: pyproject.toml constraints.txt
	@for name in python3.12 python3.11 python3 python; do \
	  if $$name -c "$$RUNS_HERE" 2>/dev/null; \
	  then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.11 or 3.12 runs here (on a Mac it must be the arm64 one), and TensorFlow for" \
	    "Apple's GPU has no other: install one from https://www.python.org/downloads/ and call make again." >&2; exit 1; \
	fi; \
	echo "Installing into .venv with $$($$found --version); several GB, some minutes." ; \
	$$found -m venv --clear .venv
	$(PYTHON) -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[$(FRAMEWORKS),dev]'
	@touch $@

.venv/engines: .venv/installed
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[$(FRAMEWORKS),engines,dev]'
	@touch $@
