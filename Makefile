# `make demo` and `make test` set up all they need, once, in .venv; after that they work without a network.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# More than the two cores of a small machine: most tests wait for something.
JOBS ?= 3
RUNTIMES ?= $(CURDIR)/.runtimes
EDITORS := $(CURDIR)/.editors
ARGS ?=

.PHONY: help demo test test-claude test-runtimes soak claude emacs lua bubblewrap vscode vsix screens check bench picture clean

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: $(READY) ## see three agents at work, on this machine, without an account (ARGS=--keep: look around afterwards)
	@$(BIN)/rgt demo $(ARGS)

test: check claude emacs lua bubblewrap vscode ## everything that must hold before a change lands
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

test-runtimes: $(READY) ## the real agent programs, installed below .runtimes with npm, against a stub of their models
	@$(BIN)/python -m tests.runtimes.install $(RUNTIMES)
	RGT_RUNTIMES=$(RUNTIMES) $(BIN)/pytest tests/runtimes/test_installed.py $(ARGS)

test-claude: $(READY) claude ## what the real Claude Code does in a town, with a stub of its model: no account is needed
	$(BIN)/pytest tests/claude $(ARGS)

# Without it its tests are skipped; the reason is one line.
claude: $(READY)
	@scripts/install-claude.sh $(VENV) || [ $$? = 75 ]

emacs:
	@scripts/install-emacs.sh || [ $$? = 75 ]

# Where Debian has them, since Neovim's Lua is told that place (editors/neovim/spec/run.lua).
lua:
	@scripts/install-packages.sh "busted with luacheck" '[ -f /usr/share/lua/5.1/busted/runner.lua ] && luacheck --version' \
		lua-busted lua-check || [ $$? = 75 ]

bubblewrap:
	@scripts/install-packages.sh bubblewrap 'bwrap --version' bubblewrap || [ $$? = 75 ]

# Without it its tests are skipped, but in CI, where they fail then; the reason is one line.
vscode: vsix
	@PYTHON=$(CURDIR)/$(BIN)/python scripts/install-vscode.sh $(EDITORS) || [ $$? = 75 ]

vsix: $(READY) ## the extension for VS Code: editors/vscode/rgt.vsix
	@PYTHON=$(CURDIR)/$(BIN)/python scripts/build-vscode.sh $(EDITORS) || [ $$? = 75 ]

screens: vscode ## the pictures of editors/vscode/README.md, from its tests
	rm -rf $(EDITORS)/shots
	RGT_THEME="Default Dark Modern" RGT_SHOTS=$(EDITORS)/shots $(BIN)/pytest tests/vscode/test_story.py
	$(BIN)/python -m tests.vscode.screens $(EDITORS)/shots

soak: $(READY) ## the long runs that the suite has in short
	$(BIN)/pytest -m soak $(ARGS)

check: $(READY) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(READY) ## the figures of bench/README.md on this machine
	$(BIN)/python -m bench $(ARGS)

picture: $(READY) ## record the pictures of the pages: a demo, and Neovim on a town at work
	$(BIN)/python -m rgt.cli.demo_picture docs/images/demo.svg
	$(BIN)/python -m tests.neovim.pictures editors/neovim/images

clean: ## remove what the others have made
	rm -rf $(VENV) .editors .runtimes editors/vscode/node_modules editors/vscode/dist editors/vscode/rgt.vsix .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml bin/rgt rgt/cli/help.txt scripts/setup.sh
	@scripts/setup.sh $(VENV)
	@touch $@
