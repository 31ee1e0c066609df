# Each target makes .venv from requirements.lock first. `make help` lists them.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# DVC and MLflow report their use to the internet unless told not to.
export DVC_NO_ANALYTICS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true

MODELS ?= rnn_vanilla lstm_local_small lstm_full_small lstm_window_small rnn_heads rnn_heads_gru \
	lstm_fields_small lstm_char_small

.PHONY: help repro compare test lint bench fuzz ui clean
.DEFAULT_GOAL := help

help:
	@echo "make repro   train, evaluate and generate as params.yaml says"
	@echo "make compare train all seven designs, one after the other, and print one table"
	@echo "make test    run the tests"
	@echo "make lint    ruff and mypy"
	@echo "make bench   side-by-side measurements"
	@echo "make fuzz    feed 100,000 mutated files to the readers (INPUTS=n for another number)"
	@echo "make ui      compare runs in the browser (MLflow)"
	@echo "make clean   remove .venv and caches; never data or results"

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tonerow needs Python 3.11 or later; say which: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check --requirement requirements.lock
	pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

repro: $(VENV)/installed
	dvc repro
	@echo "listen to data/samples/*.mid; the numbers are in metrics/"

compare: $(VENV)/installed
	for model in $(MODELS); do dvc exp run --queue --set-param model=$$model || exit 1; done
	dvc exp run --run-all
	python -m tonerow.tracking.comparison $(MODELS)

test: $(VENV)/installed
	pytest

lint: $(VENV)/installed
	ruff check
	ruff format --check
	mypy

bench: $(VENV)/installed
	@for script in benchmarks/*.py; do echo "== $$script"; python $$script || exit 1; done

INPUTS ?= 100000
fuzz: $(VENV)/installed
	python -m tests.fuzz.fuzz --inputs $(INPUTS) $(FOLDERS)

ui: $(VENV)/installed
	mlflow ui

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
