# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# One more than there are cores: tests wait for servers a good part of their time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: install demo test unit lint rehearse bench requirements clean

install: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "todoke needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/todoke demo

test: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

unit: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not integration"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

rehearse: install
	$(BIN)/todoke simulate --from 2026-12-01 --to 2027-04-01 --institutions 5000 --seeds 20 \
	  --assumptions tests/rehearsal/coarse.toml

bench: install
	$(BIN)/python -m benchmarks

requirements:
	cd requirements && for f in runtime dev; do uv pip compile $$f.in --universal --python-version 3.11 --no-strip-extras \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file $$f.txt; done

clean:
	rm -rf .venv build dist
