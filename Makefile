# What can be done here, from a machine with Python 3.11 or later and make; `make help` prints this list.
# MUNIMENT_HOME (default var/) and MUNIMENT_PORT (default 8000) choose the copy.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
# The command for pipelines; the installation writes it last.
READY := $(VENV)/bin/muniment
SOURCES := manage.py governance lineage approvals tests $(wildcard bench docs/demo)
TEST_PROCESSES ?= 2
# MLflow as its users have it, each in an environment of its own: it pins much of what the product pins otherwise.
CLIENTS := .venv-mlflow3/ready .venv-mlflow2/ready

# What is installed is not compiled whole (below): each process that may not keep what it compiles of Django or MLflow starts
# again from their sources, in twice the time. It is kept in the virtual environments and in __pycache__, which git ignores.
unexport PYTHONDONTWRITEBYTECODE

# The files with tests of a mark: importing all the others takes longer than many of those tests.
marked = $$(grep -rl --include='test_*.py' 'mark\.$(1)' tests)

.DEFAULT_GOAL := help
.PHONY: help demo test run dev check test-browser test-services soak bench lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name does; do \
		printf '  make %-14s %s\n' "$$name" "$$does"; done

demo: $(READY) ## the main job end to end on real data, step by step; starts the product for it unless it runs
	@exec $(PYTHON) -m governance.runtime.supervisor --demo

test: $(READY) $(CLIENTS) ## the whole test suite; make test T=path runs a part of it in seconds
	@exec $(PYTHON) -m pytest $(if $(T),$(T),-q --numprocesses $(TEST_PROCESSES) --dist worksteal)

run: $(READY) ## database, broker, web, workers and scheduler, until Ctrl-C
	@exec $(PYTHON) -m governance.runtime.supervisor

dev: $(READY) ## the same with reload, demo data and a debug page
	@exec $(PYTHON) -m governance.runtime.supervisor --dev

check: $(READY) ## format, lint, types, import contract, missing migrations, guards equal to their files
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy $(SOURCES)
	PYTHONPATH=. $(VENV)/bin/lint-imports
	$(PYTHON) -m tests.scratch "check --fail-level WARNING" "makemigrations --check --dry-run" "install_guards --check"

test-browser: $(READY) ## the pages in a real browser
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -q && apt-get install -qy chromium; } || { \
		echo "No chromium here: install it (Debian: apt-get install chromium) and run make test-browser again."; exit 1; }
	@exec $(PYTHON) -m pytest -m browser $(or $(T),$(call marked,browser))

test-services: $(READY) ## the production settings against real PostgreSQL, Redis and RabbitMQ on their standard ports
	@exec $(PYTHON) -m pytest -m "services and not soak" $(or $(T),$(call marked,services))

soak: $(READY) $(CLIENTS) ## the deep ones: long races, SIGKILL loops, big fuzz
	@MUNIMENT_SOAK=1 exec $(PYTHON) -m pytest -m "soak and not services" $(T)

bench: $(READY) $(CLIENTS) ## this project's measurements beside its peers'
	@exec $(PYTHON) -m bench

lock: $(READY) ## work the hash-checked pins out again
	@for name in requirements requirements-dev requirements-mlflow3 requirements-mlflow2; do \
		$(VENV)/bin/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
			--no-emit-trusted-host --strip-extras --allow-unsafe --output-file $$name.txt $$name.in || exit 1; done

clean: ## remove the virtual environment and caches; never the records in MUNIMENT_HOME
	rm -rf $(VENV) .venv-mlflow3 .venv-mlflow2 .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find governance lineage approvals tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Sets $$found to the first Python that will do.
find_python = found=; for name in python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; done; \
	if [ -z "$$found" ]; then echo "Muniment needs Python 3.11 or later, and no such python3 is on the PATH: install it."; exit 1; fi

# The command comes last, so that an interrupted installation is done again.
$(READY): requirements.txt requirements-dev.txt
	@$(find_python); \
	if ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		echo "Making $(VENV) with $$($$found --version)."; \
		"$$found" -m venv --clear $(VENV) || { \
			echo "This Python cannot make virtual environments: install its venv module (Debian: apt-get install python3-venv)."; exit 1; }; \
	fi
	@echo "Installing the pinned packages."
	@env -u PIP_USER -u PIP_TARGET -u PYTHONPATH $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
		--require-hashes -r requirements.txt -r requirements-dev.txt
	@$(PYTHON) -c 'import pathlib, site; pathlib.Path(site.getsitepackages()[0], "muniment.pth").write_text("$(CURDIR)\n")'
	@printf '#!/bin/sh\nexec "%s" -I "%s" "$$@"\n' "$(CURDIR)/$(PYTHON)" "$(CURDIR)/governance/client/muniment.py" > $@
	@chmod +x $@

.venv-mlflow%/ready: requirements-mlflow%.txt
	@echo "Installing the MLflow $* that the tests talk to us with."
	@$(find_python); "$$found" -m venv --clear $(@D)
	@env -u PIP_USER -u PIP_TARGET -u PYTHONPATH $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
		--require-hashes -r $<
	@touch $@
