# Short names for what a newcomer needs. `demo` and `test` only wrap `neumat demo` and `pytest`.
# Another Python: make install PYTHON=python3.12. Another torch: make install TORCH=torch==2.9.1, or
# TORCH_INDEX=https://download.pytorch.org/whl/cpu for the index of its CPU builds.

VENV := .venv
STAMP := $(VENV)/.installed
export PYTHON TORCH TORCH_INDEX

.PHONY: help install demo test lint clients clean

help:
	@echo "make install   set up $(VENV) with neumat, torch for the fit, and the tools of the tests"
	@echo "make demo      run the main job on the example cobblestone, into out/"
	@echo "make test      run the fast tests"
	@echo "make lint      ruff, mypy --strict and the layers of imports"
	@echo "make clients   install the glTF validator from npm and run the tests that drive it"
	@echo "make clean     remove $(VENV), out/, and what builds and tools left"

install: $(STAMP)

$(STAMP): pyproject.toml .ci/setup.sh
	@echo "Setting up $(VENV); this takes a minute or two."
	@bash .ci/setup.sh $(VENV) --editable '.[fit,dev]'
	@touch $@

demo: $(STAMP)
	@$(VENV)/bin/neumat demo --output out
	@echo "Open out/compare.png (neural, PBR, difference) and out/report.md; shaders are in out/shaders/."

test: $(STAMP)
	@$(VENV)/bin/pytest

lint: $(STAMP)
	@bash .ci/check.sh $(VENV)

clients: $(STAMP)
	@cd tests/clients && npm install --no-audit --no-fund --silent
	@$(VENV)/bin/pytest -m node

clean:
	rm -rf $(VENV) out build dist *.egg-info src/*.egg-info tests/clients/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
