# `make demo` shows what camwatch does, `make test` proves it. Both install what they need.

.PHONY: deb demo screenshots test bench bench-live eval fuzz data captures build

demo: build
	scripts/demo

build:
	scripts/install-deps build
	cargo build --release --locked

test:
	scripts/install-deps test
	cargo test --locked --doc
	cargo test --locked --all-targets

# The Debian package, and everything that its user does with it, tried as root in a copy of this machine that is thrown away;
# the unit by a systemd of its own.
deb:
	scripts/install-deps deb
	scripts/build-deb
	scripts/check-deb
	scripts/check-unit

bench: build
	scripts/install-deps bench
	scripts/bench
	scripts/bench-zeek

# What a packet costs live, against tcpdump, on a veth pair; needs root.
bench-live: build
	scripts/install-deps bench
	scripts/bench-live

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

# Pictures of the pages for the docs; needs a Chromium.
screenshots: build
	scripts/install-deps test
	scripts/screenshots

captures: build
	scripts/make-captures
