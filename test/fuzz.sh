#!/bin/sh
# fuzz.sh [TIME]: run every fuzz target for TIME (30s), one after the other: go test fuzzes one at a time.
# A finding is kept below testdata/fuzz of its package and does not stop the others.
set -eu
cd "$(dirname "$0")/.."
time=${1:-30s}
status=0
packages=$(go list ./...)
for package in $packages; do
	tests=$(go test -list '^Fuzz' "$package")
	for target in $(echo "$tests" | grep '^Fuzz' || true); do
		echo "$package $target"
		# Without its limit the minimiser spends a minute on each interesting input and looks like a hang.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5x "$package" || status=1
	done
done
exit $status
