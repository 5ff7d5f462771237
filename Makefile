PYTHON ?= python3.11
BIN := .venv/bin
TYPED := .mypy_cache/src/hilbert

.PHONY: demo test test-slow torture lint clean

demo: .venv/installed
	$(BIN)/hilbert extract examples/interviews/corpus.csv --encoder whisper --store demo/feats.zarr
	$(BIN)/hilbert fit --store demo/feats.zarr --run-dir demo/run --overwrite
	@echo "The results are in demo/run; the features in demo/feats.zarr."

test: .venv/installed
	$(BIN)/python -m pytest -n 2 -m "not slow and not torture"

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow

# 200 kills for each format at random moments, and one before every fifth change of a store.
torture: .venv/installed
	HILBERT_KILLS=$${HILBERT_KILLS:-200} $(BIN)/python -m pytest -m torture tests/faults

# mypy does not follow the mapping of an editable install: give it the tree as it is installed.
lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p $(TYPED)
	ln -sfn $(CURDIR)/pipeline $(CURDIR)/stages $(CURDIR)/store $(CURDIR)/pipeline/package_root/* $(TYPED)
	MYPYPATH=.mypy_cache/src $(BIN)/mypy -p hilbert

.venv/installed: setup.cfg setup.py pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[models,asr,tune,dev]"
	touch $@

clean:
	rm -rf .venv build demo .mypy_cache .pytest_cache .ruff_cache
