# Two commands do everything on a fresh machine: `make run` and `make test`.
# Built files live outside the clone, so that a fresh clone builds in seconds on a machine that has built before.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/reef/target
export CARGO_INCREMENTAL ?= 0
export PATH := $(HOME)/.cargo/bin:$(PATH)

REEF := $(CARGO_TARGET_DIR)/release/reef

.PHONY: run test build setup clients peers sms interop lint unit bench bench-check edges traps compare clean-demo

run: build ## installs what is missing, builds, and serves with demo data until Ctrl-C
	$(REEF) demo

# Always of the whole workspace: with the features of one package alone RocksDB would be built a second time.
build: setup
	cargo build --release --locked --workspace --bin reef

test: setup clients peers sms lint unit ## all tests; CI runs bench-check, too
	scripts/clients.sh test
	scripts/peers.sh test
	scripts/sms.sh test

lint: setup
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

unit: setup
	cargo test --release --locked --workspace

setup: ## what is needed to build
	@scripts/setup.sh

clients: ## the clients that the tests drive
	@scripts/clients.sh install

peers: ## the servers that the tests between servers drive
	@scripts/peers.sh install

sms: setup ## the SMSC and the clients that the tests of SMPP drive
	@scripts/sms.sh install

interop: build ## the integration tests of Smack; what fails is argued in frontend/tests/INTEROP.md
	scripts/interop.sh

bench: setup ## criterion benches
	cargo bench --locked --workspace --bench '*'

bench-check: setup ## instructions of each stage against benches/baseline.txt; UPDATE=1 writes that anew
	cargo build --release --locked --workspace --bins
	scripts/bench-check.sh $(CARGO_TARGET_DIR)/release/count

traps: setup ## what social clients ask of large nodes and after long absences: through the engine, then over the wire
	cargo build --release --locked --workspace --bins
	$(CARGO_TARGET_DIR)/release/traps
	scripts/traps.sh $(REEF) $(CARGO_TARGET_DIR)/release/reef-loadtest

compare: build ## Reef, ejabberd and Prosody under the same loads, into benches/RESULTS.md
	cargo build --release --locked --workspace --bin reef-loadtest
	scripts/compare.sh

edges: setup ## what 100 M edges take: ten minutes, 6 GiB of memory and 8 of disk in ./edges-data
	cargo build --release --locked --workspace --bin edges
	scripts/edges.sh $(CARGO_TARGET_DIR)/release/edges

clean-demo: ## forgets the demo's data
	rm -rf reef-data
