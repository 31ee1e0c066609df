# Each target makes .venv from the locks first. `make help` lists them.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# DVC and MLflow report their use to the internet unless told not to.
export DVC_NO_ANALYTICS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true

# Which PyTorch: cuda or cpu. Unless you say, what .venv has; if there is none, what the machine has.
HAS := $(shell cat $(VENV)/installed 2>/dev/null)
TORCH ?= $(or $(HAS),$(shell nvidia-smi >/dev/null 2>&1 && echo cuda || echo cpu))
CPU_INDEX := https://download.pytorch.org/whl/cpu
REACHABLE := python -c 'import urllib.request as r; r.urlopen("$(CPU_INDEX)/torch/", timeout=5)'
# Modules are compiled when they are first imported: most of 18,000 never are. And kept, also where (as in
# many containers) a variable asks not to: each stage would compile torch anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := pip install --quiet --disable-pip-version-check --no-compile

# What `make compare` trains: all models of params.yaml, or those of MODELS="one another".
MODELS ?=
# With which seeds each: that of params.yaml, or SEEDS=3: 1, 2 and 3.
SEEDS ?=
# How many it trains at a time, with one thread each: two cores get 1.55 times as far so as with two
# threads and one training at a time (benchmarks/processes.py).
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
# What `make test` runs: everything, or TESTS=tests/midi.
TESTS ?=

.PHONY: help repro shipped ship bundle unbundle compare table listen test matrix lint ci bench yardstick write-up fuzz ui experiments plots report clean other-torch
.DEFAULT_GOAL := help

help:
	@echo "make repro   train, evaluate and generate as params.yaml says"
	@echo "make shipped the committed model and its music, in seconds, in place of training; make ship renews it"
	@echo "make bundle  the result as one file, $(BUNDLE); make unbundle takes it in place of training"
	@echo "make compare train every model of params.yaml, one on each core, and print one table"
	@echo "              (SEEDS=3: each three times; MODELS=\"one another\": these; JOBS=1: one at a time)"
	@echo "make table   the same table of what has been trained, or RUNS=\"model experiment\""
	@echo "make listen  their samples on one page, to hear and judge side by side"
	@echo "make test    run the tests (TESTS=tests/midi for some of them; PROCESSES=8 at a time)"
	@echo "make lint    ruff and mypy"
	@echo "make ci      what must pass before a merge: lint, tests, the pipeline on a small corpus"
	@echo "make matrix  run the tests on every Python here, 1 and 2 threads, plain instruction sets"
	@echo "make bench   side-by-side measurements"
	@echo "make yardstick cross-validate on the collections of Pearce (2005), beside his figures"
	@echo "make write-up measure on MAESTRO=PATH what the write-up of the rhythm models did, beside its figure"
	@echo "make fuzz    feed 100,000 mutated files to the readers (INPUTS=n for another number)"
	@echo "make ui      compare runs in the browser (MLflow)"
	@echo "make plots   curves and pictures on one page that needs no network (RUNS=\"model experiment\": of these)"
	@echo "make report  what has changed since the last commit (or BASE=main), in Markdown; fails if val is worse"
	@echo "              beyond the interval of the difference"
	@echo "make experiments the experiments of DVC, a line each, the best on val first"
	@echo "make clean   remove .venv and caches; never data or results"
	@echo "Each makes .venv first. TORCH=cpu or TORCH=cuda chooses PyTorch's build (now: $(TORCH));"
	@echo "PYTHON=python3.12 chooses the Python."

$(VENV)/installed: requirements.lock requirements-cuda.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tonerow needs Python 3.11 or later; say which: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(if $(filter other-torch,$^),--clear) $(VENV)
	@index=; if [ $(TORCH) = cpu ]; then \
		if $(REACHABLE) 2>/dev/null; then index="--extra-index-url $(CPU_INDEX)"; \
		else echo "$(CPU_INDEX) does not answer; from PyPI, torch for Linux is 2.7 GB"; fi; fi; \
	set -x; $(PIP) $$index --requirement requirements.lock --constraint requirements-cuda.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@python -c 'from importlib.metadata import version; print("torch", version("torch"))'
	@echo $(TORCH) > $@

ifeq ($(filter cpu cuda,$(TORCH)),)
$(error TORCH is "$(TORCH)"; allowed: cpu, cuda)
endif
# Another build than the one there satisfies the same lock, so pip would keep it: start anew.
ifneq ($(HAS),)
ifneq ($(HAS),$(TORCH))
$(VENV)/installed: other-torch
endif
endif

repro: $(VENV)/installed
	dvc repro
	@python -m tonerow.tracking.committed
	@echo "hear it: open data/samples/listen.html in a browser; the numbers are in metrics/"

# What git carries of the committed result: who wants to hear it need not train.
SHIPPED := data/model/model.pt data/samples
shipped: $(VENV)/installed
	@git diff --quiet HEAD -- dvc.lock || { \
		echo "dvc.lock is not the committed one, whose result this is: git stash, or commit and make ship"; exit 1; }
	dvc pull --remote shipped $(SHIPPED)
	@echo "hear it: open data/samples/listen.html in a browser, or: tonerow play data/samples"

ship: $(VENV)/installed  # then commit data/shipped together with dvc.lock
	rm -rf data/shipped
	dvc push --remote shipped $(SHIPPED)
	@dvc status --quiet --cloud --remote shipped $(SHIPPED) || { \
		echo "DVC's cache lacks a part of this result: make repro first"; git checkout data/shipped; exit 1; }

# The result of `make repro` as one file: who gets it need not train. For the same commit.
BUNDLE ?= tonerow-result.tar
bundle: $(VENV)/installed
	rm -rf .bundle
	dvc push --quiet --remote bundle
	tar -cf $(BUNDLE) .bundle
	@ls -l $(BUNDLE)

unbundle: $(VENV)/installed
	tar -xf $(BUNDLE)
	dvc pull --remote bundle
	dvc repro  # puts the run into MLflow
	@echo "hear it: open data/samples/listen.html in a browser; the numbers are in metrics/"

# The last in params.yaml take longest: they begin, so that no core is left with one of them at the end.
compare: $(VENV)/installed
	dvc repro baselines  # what all have in common, once
	dvc exp clean  # a message to stop that was left behind would end a worker with experiments waiting
	models="$(or $(MODELS),$$(python -m tonerow.params models))" && \
	last_first= && for model in $$models; do last_first="$$model $$last_first"; done && \
	for seed in $(if $(SEEDS),$$(seq $(SEEDS)),""); do for model in $$last_first; do \
		dvc exp run --queue --set-param model=$$model --set-param train.processes=1 \
			--set-param train.threads=1 $${seed:+--set-param train.seed=$$seed} || exit 1; \
	done; done && \
	dvc exp run --run-all --jobs $(JOBS) && python -m tonerow.tracking.comparison $(MODELS) && \
	python -m tonerow.tracking.picture $(MODELS) && python -m tonerow.cli.runs $(MODELS)

table: $(VENV)/installed
	@python -m tonerow.tracking.comparison $(RUNS)

listen: $(VENV)/installed
	@python -m tonerow.cli.runs $(RUNS)

# A file goes to one process as a whole: its tests may share what takes long to make. They wait a third
# of their time, for browsers and servers: two processes more than there are cores.
PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
AT_ONCE := --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
test: export OMP_NUM_THREADS ?= 1# more processes than cores
test: $(VENV)/installed
	pytest $(AT_ONCE) $(TESTS)

matrix:
	.ci/matrix $(TESTS)

lint: $(VENV)/installed
	ruff check
	ruff format --check
	mypy

ci:
	.ci/run

# These take half an hour or more, and have targets of their own.
NO_BENCH := benchmarks/yardstick.py benchmarks/write_up.py benchmarks/gpu.py
bench: $(VENV)/installed
	@for script in $(filter-out $(NO_BENCH),$(wildcard benchmarks/*.py)); do echo "== $$script"; python $$script || exit 1; done

yardstick: $(VENV)/installed
	python benchmarks/yardstick.py --jobs 2

write-up: $(VENV)/installed
	python benchmarks/write_up.py $(or $(MAESTRO),$(error say where MAESTRO is: make write-up MAESTRO=PATH))

INPUTS ?= 100000
fuzz: $(VENV)/installed
	python -m tests.fuzz.fuzz --inputs $(INPUTS) $(FOLDERS)

ui: $(VENV)/installed
	@python -m tonerow.tracking.ui

experiments: $(VENV)/installed
	@python -m tonerow.tracking.experiments

plots: $(VENV)/installed
	@python -m tonerow.tracking.plots $(RUNS)

report: $(VENV)/installed
	@BASE="$(BASE)" python -m tonerow.tracking.report

clean:
	rm -rf $(VENV) .venv-3.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
