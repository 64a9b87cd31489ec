# Two commands are enough on a new machine with Rust, Python 3 and a C compiler: `make run`, `make test`.
# One profile (release) for everything, so that wasmtime is compiled once.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help build agents groundwork plugins templates browser mcp run serve test fuzz lint fmt bench compare clean

CARGO ?= cargo
ERRAND := target/release/errand

help: ## Lists the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## Builds the `errand` binary.
	@$(CARGO) build --release --locked --package errand

# What comes over the network is fetched while the compiler works.
groundwork:
	@$(MAKE) -j2 build agents

agents: ## Installs the frameworks of the agents in examples/agents, which the tests run.
	@$(MAKE) -C examples/agents all

plugins: ## Builds the executors into target/plugins, with what building them needs.
	@$(MAKE) -C plugins all
	@$(MAKE) -C plugins/python all
	@$(MAKE) -C plugins/javascript all
	@$(MAKE) -C plugins/wordcount-c all

templates: ## Prepares what building a project of `errand plugin new` needs, so that tests need no network.
	@$(MAKE) -C plugins/templates all

browser: ## Installs Chromium, in which the tests look at pages, where it is missing (Debian's packages).
	@tests/install-chromium

mcp: ## Installs the conformance suite of MCP and programs of agents, which the tests run.
	@$(MAKE) -C tests/mcp/conformance
	@$(MAKE) -C tests/mcp/clients

run: build plugins ## Shows it at work: a server, three executors, real tasks; ends by itself.
	@examples/tour/run.sh $(ERRAND)

serve: build ## Starts a server on 127.0.0.1:7420 that keeps its data.
	@$(ERRAND) serve

test: groundwork plugins templates browser mcp ## Runs every test, a minute of random uploads and inputs included.
	@$(MAKE) -C plugins test
	@$(MAKE) -C plugins/python test
	@$(MAKE) -C plugins/javascript test
	@$(MAKE) -C clients/python test
	@$(MAKE) -C examples/agents test
	$(CARGO) test --release --locked --workspace

fuzz: build plugins ## Tries random uploads and inputs for a minute, or for FUZZ_SECONDS.
	FUZZ_ANEW=1 $(CARGO) test --release --locked --workspace --test fuzz

lint: ## Checks formatting and lints, warnings as errors.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(MAKE) -C plugins lint
	@$(MAKE) -C plugins/javascript lint
	@$(MAKE) -C clients/python lint

fmt: ## Formats the code.
	$(CARGO) fmt --all
	@cd plugins && $(CARGO) fmt --all && $(CARGO) fmt --manifest-path javascript/Cargo.toml

# Of the whole workspace, so that dependencies have the features that they were built with before.
BENCH := $(CARGO) bench --locked --workspace --profile release
ENGINE_FIGURES := $(CURDIR)/target/bench/engine.jsonl

bench: build plugins ## Measures what Errand promises, and prints it as a table; keeps it in target/bench.
	@mkdir -p target/bench
	$(BENCH) --bench engine -- $(CURDIR)/target/plugins/test/noop.wasm $(CURDIR)/target/plugins/wordcount.wasm \
		> $(ENGINE_FIGURES)
	$(BENCH) --bench promises -- include=$(ENGINE_FIGURES)

compare: ## Compares two runs of `make bench`: make compare A=COMMIT B=COMMIT.
	$(BENCH) --bench promises -- compare $(A) $(B)

clean: ## Removes everything that was built.
	rm -rf target
