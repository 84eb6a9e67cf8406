# Everything starts here, from nothing but Python 3.11 and Java 17. `make demo` runs the main job, `make test` the tests.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := $(shell command -v uv || echo .tools/bin/uv)
PYTHON := .venv/bin/python
ANFANG := .venv/bin/anfang
NAME ?=
SEEDS ?= 20
JOBS ?= 1
MINUTES ?= 120
SUPERSET ?= yes
# Each of the many processes would compile every module anew where this is set, as it is in many images: 6 s, not 2.
unexport PYTHONDONTWRITEBYTECODE
# The distribution's Python where there is one: it is built with optimisations. As pyenv builds one it takes a sixth longer.
export UV_PYTHON ?= $(firstword $(wildcard /usr/bin/python3.11) 3.11)

.PHONY: help setup demo down test check bench chaos troubles years journey soak dashboards clean

help:  ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.tools/bin/uv:
	python3 -m venv .tools && .tools/bin/pip install --quiet uv

.venv/ready: pyproject.toml uv.lock $(filter .tools/bin/uv,$(UV))
	$(UV) sync --frozen --extra vision --quiet && touch $@

setup: .venv/ready  ## the environment, and the parts that are fetched (Kafka, ClickHouse, fonts)
	$(ANFANG) setup

demo: .venv/ready  ## the whole way on real parts, to a KPI report, the live page and Superset (SUPERSET=no: without)
	$(ANFANG) demo $(if $(filter no,$(SUPERSET)),--no-superset)

down: .venv/ready  ## stop everything
	$(ANFANG) down

test: setup  ## unit, property and integration tests on real parts
	$(PYTHON) -m pytest -m "not stack and not long" --numprocesses 2 --dist loadfile
	$(PYTHON) -m pytest -m "stack and not long" --numprocesses 2 --dist loadfile --durations 25

check: .venv/ready  ## ruff, mypy strict, import rules, SQL format, schemas up to date
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/sqlfluff lint --processes 1 infra warehouse producers streams
	$(ANFANG) schema check

bench: setup  ## benchmarks beside their peers; NAME=occupancy for one
	$(UV) sync --frozen --quiet --project tests/benchmarks/peers
	$(PYTHON) -m tests.benchmarks $(NAME)

chaos: setup  ## kill workers and broker while events flow, SEEDS times, JOBS at once; what comes out must equal the oracle
	$(PYTHON) -m tests.chaos --seeds $(SEEDS) --jobs $(JOBS)

troubles: setup  ## kill the nightly and its parts at every step, fill its disks, load a hundred faulty days (1 to 2 h; root)
	$(PYTHON) -m pytest -m long tests/batch

years: setup  ## the report on two whole years of the seed's estate, every figure against the truth (~6 min)
	$(PYTHON) -m pytest -m long tests/dashboards/test_report_seed.py

journey: setup  ## an alert on the page, answered with one tap, and in Superset after the nightly (~3 min; needs Chromium)
	$(PYTHON) -m pytest -m long tests/dashboards/web/test_seen_in_superset.py

soak: setup  ## run the workers for MINUTES and watch their memory
	$(PYTHON) -m tests.chaos.soak --minutes $(MINUTES)

dashboards: setup  ## Superset with its dashboards, and a check of every chart
	$(ANFANG) dashboards up
	$(ANFANG) dashboards check

clean:  ## stop everything and remove what was built here (not the shared cache of parts)
	-test -x $(ANFANG) && $(ANFANG) down
	rm -rf .venv .tools .anfang out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
