#!/usr/bin/env bash
# peers.sh [RUNS]: our listing and rewriting beside kustomize, kbld and yq, those of them that are installed.
# Same inputs, same machine, one program at a time; the median of RUNS (3) whole processes, in seconds.
# SLOW=1 also lets kustomize have the 10 MB of workloads, which takes it minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-3}
PATH=$PWD/bin:$PATH
target=registry.airgap.example.com/airgap
components=../shared/corpus/clusterapi/cluster-api/v1.14.0/rendered
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# seconds COMMAND...: the median wall time; the output is thrown away, a failure is shown.
seconds() {
	local i start
	for ((i = 0; i < runs; i++)); do
		start=$EPOCHREALTIME
		"$@" >"$work/stdout" 2>"$work/stderr" || { cat "$work/stderr" >&2; return 1; }
		echo $((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
	done | sort -n | awk '{ t[NR] = $1 } END { printf "%.3f", t[int((NR + 1) / 2)] / 1e6 }'
}

# row NAME COMMAND...: one line of the table; the ratio is to the row named rewrite.
row() {
	local name=$1 time
	shift
	time=$(seconds "$@")
	[[ $name != "airgap rewrite" ]] || ours=$time
	awk -v n="$name" -v t="$time" -v o="${ours:-$time}" 'BEGIN { printf "%-32s %8.3f s %8.1f\n", n, t, t / o }'
}

has() { command -v "$1" >/dev/null; }

# peers_config DIR: the same new names, said as each peer wants to hear them.
peers_config() {
	local dir=$1 ref
	{
		printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [in.yaml]\nimages:\n'
		sed -E 's/@.*//; s/:[^:/]*$//' "$dir/images" | sort -u | sed "s|.*|- {name: &, newName: $target/&}|"
	} >"$dir/kustomization.yaml"
	{
		printf 'apiVersion: kbld.k14s.io/v1alpha1\nkind: Config\noverrides:\n'
		while read -r ref; do
			printf -- '- {image: "%s", newImage: "%s/%s", preresolved: true}\n' "$ref" "$target" "$ref"
		done <"$dir/images"
	} >"$dir/kbld-config.yml"
}

compare() {
	local title=$1 dir=$2 ours= runs=$runs
	kubectl-airgap images -f "$dir/in.yaml" >"$dir/images"
	peers_config "$dir"
	printf '\n%s: %s bytes, %s images\n' "$title" "$(wc -c <"$dir/in.yaml")" "$(wc -l <"$dir/images")"
	printf '%-32s %10s %8s\n' "" median ratio
	row "airgap rewrite" kubectl-airgap rewrite -f "$dir/in.yaml" --to "$target"
	row "airgap images" kubectl-airgap images -f "$dir/in.yaml"
	row "cat" cat "$dir/in.yaml"
	if has yq && yq --version | grep -q mikefarah; then row "yq, identity" yq . "$dir/in.yaml"; fi
	# Every name is resolved by its override; the proxy is there so that nothing is asked of a registry.
	if has kbld; then row "kbld, offline overrides" env HTTPS_PROXY=http://127.0.0.1:9 kbld -f "$dir/in.yaml" -f "$dir/kbld-config.yml"; fi
	if ! has kustomize; then
		return
	elif [[ $dir == */workloads && ${SLOW:-0} != 1 ]]; then
		echo "kustomize build, images          left out, for minutes: SLOW=1 runs it once"
	else
		[[ $dir != */workloads ]] || runs=1
		row "kustomize build, images" kustomize build "$dir"
	fi
}

for peer in kustomize kbld yq; do
	has $peer || echo "$peer is not installed: left out"
done
mkdir "$work/crds" "$work/workloads"
row "airgap --help (start-up)" kubectl-airgap --help

if [[ -d $components ]]; then
	for file in "$components"/{core,bootstrap,control-plane}-components.yaml; do
		echo ---
		cat "$file"
	done >"$work/crds/in.yaml"
	compare "Cluster API v1.14.0, its components" "$work/crds"
else
	echo "$components is absent: generated definitions stand in"
	go run ./test/bench/inputs crds 3 >"$work/crds/in.yaml"
	compare "CustomResourceDefinitions" "$work/crds"
fi
go run ./test/bench/inputs workloads 10 >"$work/workloads/in.yaml"
compare "Workloads" "$work/workloads"
