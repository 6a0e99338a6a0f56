# Each target sets up what it needs: a Python that runs, .venv, the packages.
# ARGS reaches pytest: make bench ARGS="--profile smoke --experiment scratch"
# and the report: make report RESULTS="results friends/*.json" ARGS="--baseline NAME"

PYTHON := .venv/bin/python
NAME =
ARGS =
SAVE := $(if $(NAME),--benchmark-save=$(NAME))
RESULTS = results
OUT = report
# [NAME=][USER@]ADDRESS[:PORT] of each: docs/fleet.md
HOSTS =
# pyproject.toml's extras that are installed. FRAMEWORKS=tensorflow-cuda is for a clone of its own: docs/cuda.md
FRAMEWORKS = default
# Ctrl-C reaches the session, which ends itself and saves. Without a trap dash ends too, and writes no report.
SESSION = trap : INT; $(PYTHON) -m pytest bench
# After a session, whatever became of it: what was measured is written up, and the session's status stays. One that
# was refused (pytest's status 4), or only asked, has measured nothing, and another one may be measuring.
ASKED = $(filter --co --collect-only --collectonly --fixtures --help -h --markers --version -V,$(ARGS))
WRITE = ended=$$?; $(if $(ASKED),exit $$ended;) [ $$ended -eq 4 ] || $(PYTHON) -m reports $(RESULTS) --out $(OUT); exit $$ended

# What shells, notebooks and other projects leave behind for a Python, a pytest and a pip of their own.
FOREIGN = PYTHONHOME PYTHONINSPECT PYTHONOPTIMIZE PYTHONPATH PYTHONSAFEPATH PYTHONWARNDEFAULTENCODING \
  PYTHONWARNINGS __PYVENV_LAUNCHER__ \
  PYTEST_ADDOPTS PYTEST_DISABLE_PLUGIN_AUTOLOAD PYTEST_PLUGINS \
  PIP_CONSTRAINT PIP_DRY_RUN PIP_NO_BINARY PIP_NO_BUILD_ISOLATION PIP_NO_DEPS PIP_PREFIX PIP_PYTHON \
  PIP_REQUIRE_HASHES PIP_ROOT PIP_TARGET
unexport $(FOREIGN)
# A pip.conf may say `user = true`, which pip refuses in .venv; a variable counts more than the file.
export PIP_USER = 0

# Two processes, each test file in one of them: files share what is costly to make, and some hold 2 GB.
TESTS = $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: bench resume report fleet doctor torture test test-fast test-engines check format help FORCE
# With -j, which many have in MAKEFLAGS, `make bench report` would write the report beside the measurement.
.NOTPARALLEL:

bench: .venv/installed ## train and measure every cell, save to results/, write the report (NAME=…, ARGS=…)
	$(SESSION) $(SAVE) $(ARGS); $(WRITE)

resume: .venv/installed ## go on with the last session that was cut off (ARGS=…)
	$(SESSION) --resume $(ARGS); $(WRITE)

report: .venv/installed ## write report/ from results/ (RESULTS="FILES, FOLDERS, GLOBS", OUT=…, ARGS=…)
	$(PYTHON) -m reports $(RESULTS) --out $(OUT) $(ARGS)

fleet: .venv/installed ## measure many computers over SSH and write one report (HOSTS="…", ARGS=…)
	$(PYTHON) -m bench.fleet $(HOSTS) $(ARGS)

doctor: .venv/installed ## what would spoil a run on this computer, and how to mend it (ARGS=…)
	$(PYTHON) -m bench.doctor $(ARGS)

test: .venv/installed ## the project's own tests, with the engines torch and tensorflow (ARGS=…)
	$(TESTS) -m "not engines" $(ARGS)

test-fast: .venv/installed ## the tests that train nothing and run no whole session, in a minute (ARGS=…)
	$(TESTS) -m "not slow and not engines" $(ARGS)

test-engines: .venv/engines ## the tests of all other engines; installs their frameworks (ARGS=…)
	$(TESTS) -m engines -rs $(ARGS)

torture: .venv/installed ## kill, stop and damage sessions and fill their disk, then resume them (ARGS="--faults 200")
	$(PYTHON) -m tests.torture $(ARGS)

check: .venv/installed ## lint, formatting and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: .venv/installed ## let ruff correct what it can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A name on the PATH proves nothing (a version manager's stub only fails), so each is asked.
ASK = bench/interpreter.py

# An upgrade may have taken away the Python that .venv was made of.
ifneq ($(shell unset $(FOREIGN); $(PYTHON) $(ASK) >/dev/null 2>&1 && echo runs),runs)
.venv/installed: FORCE
endif

.venv/installed: pyproject.toml constraints.txt
	@found=; tried=; for name in python3.12 python3.11 python3 python; do \
	  if why=$$($$name $(ASK) 2>/dev/null); then found=$$name; break; fi; \
	  [ -z "$$why" ] || tried=$$(printf '%s\n  %s: %s.' "$$tried" $$name "$$why"); \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.11 or 3.12 runs here (on a Mac it must be an arm64 one), and TensorFlow for Apple's" \
	    "GPU has no other.$${tried:+ What is here will not do:$$tried}" >&2; \
	  echo "Mend that, or install one from https://www.python.org/downloads/, and call make again." >&2; exit 1; \
	fi; \
	echo "Installing into .venv with $$($$found --version); several GB, some minutes." ; \
	$$found -m venv --clear .venv
	$(PYTHON) -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[$(FRAMEWORKS),dev]'
	@$(PYTHON) -c 'import pytest' || { \
	  echo "pip has installed nothing into .venv: look for target, prefix or root in what" \
	    "\`$(PYTHON) -m pip config list\` prints, and call make again." >&2; exit 1; }
	@touch $@

.venv/engines: .venv/installed
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[$(FRAMEWORKS),engines,dev]'
	@touch $@
