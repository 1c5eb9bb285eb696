# Set-up, tests and the demonstration. Stamps let a second run skip what is done.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

VENV   ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY     := $(VENV)/bin/python
ROOMS  := backends dialects driver frontend passes support

# The pytest and lit runs of `make test` skip what is marked slow; `make test-all` runs everything.
PYTEST_FLAGS ?= -m "not slow"
# A process a core; each holds torch, so that many cores do not mean many gigabytes.
PYTEST_JOBS  ?= -n logical --maxprocesses 8 --dist worksteal
LIT_FLAGS    ?= -j2 --timeout 60
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

NATIVE_SOURCES := CMakeLists.txt $(shell find runtime -type f -not -name '*.md')

.PHONY: all demo test test-all lit pytest lint bench bench-cpu bench-cuda bench-hls conformance wheel lock setup native debian debian-test clean
all: setup

demo: debian setup
	$(PY) -m examples.minilm.demo

test: debian-test setup lint lit pytest

test-all: PYTEST_FLAGS :=
test-all: test

lit: setup
	$(VENV)/bin/lit $(LIT_FLAGS) --time-tests -v --allow-empty-runs test

pytest: setup
	$(PY) -m pytest -q --durations=15 $(PYTEST_JOBS) $(PYTEST_FLAGS) test

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) -m mypy

bench: debian setup
	$(PY) -m bench

bench-cpu: debian setup $(VENV)/.bench-stamp
	$(PY) -m bench.cpu $(BENCH_FLAGS)

bench-cuda: setup
	$(PY) -m bench.cuda $(BENCH_FLAGS)

bench-hls: debian-test setup
	$(PY) -m bench.hls $(BENCH_FLAGS)

conformance: setup
	$(PY) -m bench.conformance $(CONFORMANCE_FLAGS)

$(VENV)/.bench-stamp: requirements-bench.lock $(VENV)/.lock-stamp
	$(PY) -m pip install -q --no-compile -r requirements-bench.lock
	touch $@

wheel: setup
	$(PY) -m pip wheel --no-build-isolation --no-deps -w dist .

setup: $(VENV)/.lock-stamp native .typecheck/stamp

$(PY):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed; set PYTHON="'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lock-stamp: requirements.lock | $(PY)
	$(PY) -m pip install -q --no-compile -r requirements.lock
	touch $@

# The package in editable form: its Python is read from this tree, the native library is built and installed.
native: $(VENV)/.native-stamp
$(VENV)/.native-stamp: $(VENV)/.lock-stamp pyproject.toml driver/public.py $(NATIVE_SOURCES) $(VENV)/.modules
	$(PY) -m pip install -q --no-build-isolation --no-deps -e .
	touch $@

# That form knows a list of modules: it is made again where one comes, goes or becomes a folder.
$(VENV)/.modules: FORCE | $(PY)
	@find $(ROOMS) -name '*.py' | LC_ALL=C sort > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# mypy cannot see through the editable install: it reads a tree of links.
.typecheck/stamp: Makefile
	mkdir -p .typecheck/stepwell
	for room in $(ROOMS); do ln -sfn ../../$$room .typecheck/stepwell/$$room; done
	ln -sfn ../../driver/public.py .typecheck/stepwell/__init__.py
	ln -sfn ../../driver/py.typed .typecheck/stepwell/py.typed
	touch $@

debian: ; @PYTHON=$(PYTHON) .ci/debian-packages build
debian-test: ; @PYTHON=$(PYTHON) .ci/debian-packages build test

lock: setup
	$(VENV)/bin/pip-compile -q --extra dev --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --no-header --no-annotate -o requirements.lock pyproject.toml
	sed -i -E 's/^((torch|torchvision)==[0-9.]+)\+cpu$$/\1/; /^stepwell/d' requirements.lock

clean:
	rm -rf build dist .typecheck $(VENV)
