# Everything runs in ./.venv, which these targets make and keep; nothing outside this folder is touched.
# It keeps to GNU Make 3.81, which macOS ships.
#
#   make test PYTHON=python3.12                  with this Python (>= 3.10)
#   make test PIP_ARGS='--proxy http://…'        whatever pip needs here
#   make test PYTEST_ARGS='-k rollback -x'       whatever pytest shall do
#   make bench ARGS='--json FILE validate'       whatever the benchmarks shall do
#   make mutants ARGS='--survivors'              what no test noticed the last time

PYTHON      ?=
PIP_ARGS    ?=
PYTEST_ARGS ?=
ARGS        ?=

BIN     := .venv/bin
INSTALL := echo 'Installing into .venv, which is done once and takes a minute or two …' && \
           $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
# What each install depends on: a change of these does it again.
PINS    := pyproject.toml constraints.txt

.PHONY: help demo test test-lowest attacks test-real attacks-and-real test-weekly test-servers prove mutants lint bench capstone pictures clean
# Compiled modules are kept: else each of the tests' processes compiles them again. `make clean` removes them.
unexport PYTHONDONTWRITEBYTECODE

# Two targets at once would install twice.
.NOTPARALLEL:

help:
	@echo 'make demo        the whole story on an embedded MLflow with really trained models'
	@echo 'make test        the tests that need nothing but this folder'
	@echo 'make test-lowest the same for the lowest version of each dependency, in .venv-lowest; the tests that these matter to'
	@echo 'make attacks     what SECURITY.md claims: each attack, and honest work beside it'
	@echo 'make test-real   the tests against PostgreSQL, S3, act and Chromium; MariaDB and nginx, if they are installed'
	@echo 'make test-weekly those of them that take too long for each change'
	@echo 'make test-servers the same journey on servers of many versions of MLflow, each in a venv below build/servers; writes a table'
	@echo 'make prove       the experiments of tests/faults and tests/hostile at length: kills, faults, races, hostile input; and a table'
	@echo 'make mutants     which small changes of the core no test notices; takes half an hour, prints a score'
	@echo 'make lint        ruff, mypy, which part may import which, the schemas, the workflows'
	@echo 'make bench       the benchmarks; they print ratios and never fail'
	@echo 'make capstone    from DVC data to a served BERT; installs PyTorch into .venv-capstone, see tests/capstone/'
	@echo 'make pictures    writes .github/pictures/: a plan as a comment, and the report; needs Chromium, and npm for a stylesheet'
	@echo 'make clean       removes .venv and all that these targets made'

demo: .venv/runtime
	@$(BIN)/mlflow-gitops demo

# Three, on two processors: much of a test's time is waiting for a server.
test: .venv/dev
	@$(BIN)/pytest -n 3 --dist loadgroup -m 'not real and not attack' $(PYTEST_ARGS)

# What reads and writes MLflow, git and files, by way of the packages whose lowest versions are tried.
LOWEST ?= tests/edges/mlflow tests/edges/system tests/core/yaml tests/core/gates tests/core/manifests tests/commands/test_validate.py \
          tests/commands/test_doctor.py tests/commands/test_log.py tests/commands/test_resolve.py tests/lanes/test_model_files.py \
          tests/lanes/test_any_registry.py tests/lanes/test_gates.py tests/lanes/test_compare.py tests/lanes/test_audit.py
test-lowest: .venv-lowest/ready
	@.venv-lowest/bin/pytest -n 2 --dist loadgroup -m 'not real and not attack' $(LOWEST) $(PYTEST_ARGS)

attacks: .venv/dev
	@$(BIN)/pytest -n 3 --dist loadgroup -m 'attack and not real' tests/attacks $(PYTEST_ARGS)

test-real: .venv/real
	@$(BIN)/pytest -n 2 --dist loadgroup -m 'real and not weekly' $(PYTEST_ARGS)

# Both at once, for .ci/run: to collect all tests takes a quarter of a minute each time.
attacks-and-real: .venv/real
	@$(BIN)/pytest -n 3 --dist loadgroup -m '(attack or real) and not weekly' $(PYTEST_ARGS)

# And the properties of the core with many more examples than for each change.
test-weekly: .venv/real
	@$(BIN)/pytest -n 2 --dist loadgroup -m weekly $(PYTEST_ARGS)
	@$(if $(PYTEST_ARGS),:,MLFLOW_GITOPS_TEST_EXAMPLES=150 $(BIN)/pytest -n 2 --dist loadgroup -m 'not real' tests/core)

test-servers: .venv/dev
	@$(BIN)/python -m tests.servers $(ARGS)

# How often each experiment is tried in each case; `all` is every boundary and every request, which takes an hour or more.
MLFLOW_GITOPS_FAULTS ?= 30
# Hostile files and notes made at random.
MLFLOW_GITOPS_FUZZ ?= 5000
prove: .venv/real
	@MLFLOW_GITOPS_FAULTS=$(MLFLOW_GITOPS_FAULTS) MLFLOW_GITOPS_FUZZ=$(MLFLOW_GITOPS_FUZZ) \
	  $(if $(PYTEST_ARGS),,MLFLOW_GITOPS_TABLE=tests/README.md) \
	  $(BIN)/pytest -n 2 --dist loadgroup tests/faults tests/hostile $(PYTEST_ARGS)

# Works on a copy in build/.
mutants: .venv/mutants
	@$(BIN)/python -m tests.mutants $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --check-metaschema schemas/*.json
	$(BIN)/actionlint -shellcheck $(BIN)/shellcheck
	@# zizmor has no package for Python 3.10.
	@if [ -x $(BIN)/zizmor ]; then echo zizmor; $(BIN)/zizmor --offline --persona pedantic --quiet .github; fi

bench: .venv/bench .venv-anchors/ready
	@MLFLOW_GITOPS_ANCHORS=$(CURDIR)/.venv-anchors/bin $(BIN)/python -m tests.benchmarks $(ARGS)

capstone: .venv-capstone/ready
	@HF_HUB_OFFLINE=1 .venv-capstone/bin/python -m tests.capstone $(ARGS)

pictures: .venv/real
	@$(BIN)/python -m tests.support.browser.pictures

clean:
	rm -rf .venv .venv-anchors .venv-capstone .venv-lowest build dist mlflow-gitops-demo .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find tools tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo needs an MLflow of its own; everything else needs the tools of a developer, which include that.
.venv/runtime: $(PINS) | $(BIN)/python
	@$(INSTALL) -e '.[demo]'
	@touch $@

.venv/dev: $(PINS) | $(BIN)/python
	@$(INSTALL) -e '.[dev]'
	@touch $@ .venv/runtime

.venv/real: $(PINS) | $(BIN)/python
	@$(INSTALL) -e '.[dev,real]'
	@touch $@ .venv/dev .venv/runtime

.venv/mutants: $(PINS) | $(BIN)/python
	@$(INSTALL) -e '.[dev,mutants]'
	@touch $@ .venv/dev .venv/runtime

.venv/bench: $(PINS) | $(BIN)/python
	@$(INSTALL) -e '.[bench]'
	@touch $@ .venv/runtime

# What the benchmarks measure against, without packages that it would load only because others need them.
.venv-anchors/ready: $(PINS) | .venv-anchors/bin/python
	@.venv-anchors/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt check-jsonschema gto
	@touch $@

# PyTorch and what it needs is large, and nothing else here needs it: a venv of its own.
.venv-capstone/ready: $(PINS) constraints-capstone.txt | .venv-capstone/bin/python
	@echo 'Installing into .venv-capstone, PyTorch with it, which is done once and takes some minutes …'
	@.venv-capstone/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) \
	  -c constraints.txt -c constraints-capstone.txt -e '.[capstone]'
	@# What the story makes fresh environments from, without a network.
	@.venv-capstone/bin/python -m pip download --quiet --disable-pip-version-check $(PIP_ARGS) \
	  -c constraints.txt -c constraints-capstone.txt --dest .venv-capstone/wheels \
	  mlflow-skinny pandas torch transformers pip setuptools wheel
	@touch $@

# PyTorch comes late to a new Python, so the oldest that will do is tried first.
$(BIN)/python: PYTHONS := python3.13 python3.12 python3.11 python3.10 python3 python
.venv-lowest/bin/python: PYTHONS := python3.10 python3.11 python3.12 python3 python
.venv-capstone/bin/python: PYTHONS := python3.11 python3.12 python3.13 python3 python
.venv-anchors/bin/python: PYTHONS := python3.13 python3.12 python3.11 python3.10 python3 python

.venv-lowest/ready: pyproject.toml constraints-lowest.txt | .venv-lowest/bin/python
	@echo 'Installing into .venv-lowest, which is done once and takes some minutes …'
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints-lowest.txt -e '.[dev,s3]'
	@touch $@

# Each candidate is really run: a version manager's stand-in may be on the PATH and start nothing. One that cannot make
# a venv (Debian packs that apart) is passed over while there is a better one.
$(BIN)/python .venv-anchors/bin/python .venv-capstone/bin/python .venv-lowest/bin/python:
	@python=; bare=; \
	for each in $(or $(PYTHON),$(PYTHONS)); do \
	  "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 || continue; \
	  if "$$each" -c 'import ensurepip, venv' >/dev/null 2>&1; then python=$$each; break; fi; \
	  bare=$${bare:-$$each}; \
	done; \
	if [ -z "$$python" ] && [ -n "$$bare" ]; then \
	  minor=`"$$bare" -c 'import sys; print("3.%d" % sys.version_info[1])'`; \
	  echo "error: $$bare cannot make a venv. Run: sudo apt install python$$minor-venv" >&2; exit 1; \
	elif [ -z "$$python" ]; then \
	  case `uname -s` in \
	    Darwin) step='brew install python@3.13';; \
	    *) if command -v dnf >/dev/null 2>&1; then step='sudo dnf install python3.12'; \
	       elif command -v apt >/dev/null 2>&1; then step='sudo apt install python3 python3-venv'; \
	       else step='install Python 3.13'; fi;; \
	  esac; \
	  echo "error: no Python 3.10 or newer$(if $(PYTHON), at $(PYTHON)). Run: $$step" >&2; exit 1; \
	fi; \
	"$$python" -m venv $(@:/bin/python=) || { rm -rf $(@:/bin/python=); exit 1; }
