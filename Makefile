# Everything here needs Go and make, nothing else; git, when it is there, names the version.
# No cgo: the binary is static, and a machine without a C compiler builds and tests it all.
# With one: make test CGO_ENABLED=1 TESTFLAGS=-race
export CGO_ENABLED ?= 0

VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
.PHONY: build test lint fmt bench fuzz demo e2e release clean help
LINT    := bin/golangci-lint-v2.15.0

build: ## build the plugin in bin/, under all its names
	go build -buildvcs=false -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/ ./cmd/kubectl-airgap
	ln -sf kubectl-airgap bin/clusterctl-airgap
	ln -sf kubectl-airgap bin/kubectl_complete-airgap

test: ## vet and run every test that needs nothing but Go
	go vet ./...
	go test $(TESTFLAGS) ./...

lint: $(LINT) ## check style, imports and formatting (.golangci.yaml), and that it compiles for Windows and macOS
	$(LINT) run
	GOOS=windows go vet ./...
	GOOS=darwin go vet ./...

fmt: $(LINT) ## format the Go files
	$(LINT) fmt

$(LINT):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(@:bin/golangci-lint-%=%)
	mv bin/golangci-lint $@

bench: build ## time the packages, then the binary side by side with its peers
	go test -run '^$$' -bench . -benchmem ./pkg/...
	test/bench/peers.sh
	test/bench/carry.sh

fuzz: ## run every fuzz target for FUZZTIME (30s)
	test/fuzz.sh $(FUZZTIME)

demo: build ## take the site in examples/ the whole way into a private registry, both registries in memory
	go build -o bin/ ./examples/internet
	examples/demo.sh

e2e: build ## use the binary as its users do: from kubectl, on real sites (AIRGAP_E2E=1: a missing tool fails)
	go test -tags e2e -count=1 -timeout 45m -v ./test/e2e

release: ## make what is published of VERSION (v1.2.3) in dist/: archives, manifest for krew, bills of materials, man pages
	go run ./release -version $(VERSION)

clean: ## remove what make made
	rm -rf bin dist

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
