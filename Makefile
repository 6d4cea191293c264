# `make demo` shows what camwatch does, `make test` proves it. Both install what they need.
CAMWATCH := target/release/camwatch
DEMO := captures/fiumicino.pcap.zst

.PHONY: demo test bench eval fuzz data captures build

demo: build
	$(CAMWATCH) read $(DEMO)

build:
	scripts/install-deps build
	cargo build --release --locked

test:
	scripts/install-deps test
	cargo test --locked --doc
	cargo test --locked --all-targets

bench: build
	scripts/install-deps bench
	scripts/bench
	scripts/bench-zeek

# Each fuzz target for a minute.
fuzz:
	scripts/install-deps fuzz
	scripts/fuzz 60

# How well rhythms are told from chance on labelled series, against RITA on the same, and what that costs.
eval:
	scripts/install-deps build
	cargo bench --locked --bench beats

# The built-in country and owner data, and MAC prefixes; needs npm and zstd.
data:
	scripts/build-geo.py
	scripts/build-vendors.py

captures: build
	scripts/make-captures
