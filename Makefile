# Two commands are enough on a new machine with Rust, Python 3 and a C compiler: `make run`, `make test`.
# One profile (release) for everything, so that wasmtime is compiled once.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help build plugins run serve test unit lint fmt bench clean

CARGO ?= cargo
ERRAND := target/release/errand

help: ## Lists the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## Builds the `errand` binary.
	@$(CARGO) build --release --locked --package errand

plugins: ## Builds the executors into target/plugins, with what building them needs.
	@$(MAKE) -C plugins all
	@$(MAKE) -C plugins/python all
	@$(MAKE) -C plugins/wordcount-c all

run: build plugins ## Shows it at work: a server, three executors, real tasks; ends by itself.
	@examples/tour/run.sh $(ERRAND)

serve: build ## Starts a server on 127.0.0.1:7420 that keeps its data.
	@$(ERRAND) serve

test: build plugins ## Runs every test.
	@$(MAKE) -C plugins test
	@$(MAKE) -C plugins/python test
	$(CARGO) test --release --locked --workspace

lint: ## Checks formatting and lints, warnings as errors.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(MAKE) -C plugins lint

fmt: ## Formats the code.
	$(CARGO) fmt --all
	@cd plugins && $(CARGO) fmt --all

bench: build plugins ## Measures what Errand promises, and prints it as a table.
	$(CARGO) bench --locked --package errand-tests --profile release

clean: ## Removes everything that was built.
	rm -rf target
