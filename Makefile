# `make demo` and `make test` set up all they need, once, in .venv; after that they work without a network.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
JOBS ?= 2
ARGS ?=

.PHONY: help demo test check bench picture clean

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: $(READY) ## see three agents at work, on this machine, without an account (ARGS=--keep: look around afterwards)
	@$(BIN)/rgt demo $(ARGS)

test: check ## everything that must hold before a change lands
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(READY) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(READY) ## the figures of bench/README.md on this machine
	$(BIN)/python -m bench $(ARGS)

picture: $(READY) ## record a demo into docs/images/demo.svg
	$(BIN)/python -m rgt.cli.demo_picture docs/images/demo.svg

clean: ## remove what the others have made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml bin/rgt rgt/cli/help.txt scripts/setup.sh
	@scripts/setup.sh $(VENV)
	@touch $@
