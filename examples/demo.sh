#!/bin/sh
# demo.sh: the plugin on the site beside it. Each command is shown before it runs; the work is in bin/demo.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH
target=registry.airgap.example.com/airgap
out=bin/demo
rm -rf "$out"
mkdir -p "$out"

run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

run kubectl-airgap images -f examples/site
run kubectl-airgap images -f examples/site/cni/plainnet.yaml -o table --explain
run kubectl-airgap rewrite -f examples/site --to "$target" --diff
run kubectl-airgap rewrite -f examples/site --to "$target" -o "$out/site"
run kubectl-airgap images -f "$out/site"

# What the demonstration claims, checked: the private registry alone is named, and a second time changes nothing.
outside=$(kubectl-airgap images -f "$out/site" | grep -v "^$target/" || true)
if [ -n "$outside" ]; then
	printf 'still outside %s:\n%s\n' "$target" "$outside" >&2
	exit 1
fi
run kubectl-airgap rewrite -f "$out/site" --to "$target" --check
printf '\nEvery image of examples/site is now named in %s: see %s/site.\n' "$target" "$out"
