#!/usr/bin/env bash
# carry.sh [RUNS]: pull, push and mirror beside crane, regctl, regsync, skopeo and oras, those of them that can be had.
# Two sets of synthetic images (39 of 1.5 GB, 500 small ones), docker-registry on loopback, one program at a time, in
# another order in every run; every push and mirror goes to a registry that was emptied and started again. Printed are the
# median of RUNS (3) whole processes, the fastest and the slowest, the ratio to ours, and the most memory of one process.
# SETS="cluster small", CASES="floor pull push mirror" and PEERS="crane_x4 regsync …" choose what is run.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-3}
PATH=$PWD/bin:$PWD/bin/peers:$PATH
workload=$PWD/../shared/tools/workload
for need in docker-registry python3 curl; do
	command -v $need >/dev/null || { echo "carry: $need is not installed: nothing was timed"; exit 0; }
done
work=$(mktemp -d)
declare -A registry=() # name → process
stop() {
	[[ -z ${registry[$1]:-} ]] || { kill "${registry[$1]}" && wait "${registry[$1]}" || true; } 2>/dev/null
	unset "registry[$1]"
}
trap 'for name in "${!registry[@]}"; do stop "$name"; done; rm -rf "$work"' EXIT

# peer NAME PACKAGE@VERSION: built once, into bin/peers.
peer() {
	command -v "$1" >/dev/null && return
	GOBIN=$PWD/bin/peers CGO_ENABLED=0 go install "$2" >"$work/install" 2>&1 || echo "carry: $1 cannot be built: left out ($(tail -n 1 "$work/install"))"
}

has() { command -v "$1" >/dev/null; }

# start NAME PORT: a registry with what there is in its folder.
start() {
	stop "$1"
	REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=$work/$1 REGISTRY_HTTP_ADDR=127.0.0.1:$2 REGISTRY_LOG_LEVEL=error REGISTRY_HTTP_SECRET=bench \
		docker-registry serve test/bench/registry.yml >"$work/$1.log" 2>"$work/$1.err" &
	registry[$1]=$!
	for _ in {1..100}; do
		! curl -fs "http://127.0.0.1:$2/v2/" >/dev/null || return 0
		sleep 0.05
	done
	cat "$work/$1.err" >&2
	return 1
}

# empty: the target is new, and what was written before is on the disk.
empty() {
	stop target
	rm -rf "$work/target"
	sync
	start target 5599
}

# meter FILE COMMAND...: adds the seconds and the most memory of a process of the command, in kilobytes, to FILE.
meter() {
	python3 - "$@" <<'PYTHON'
import resource, subprocess, sys, time
with open("/dev/null") as nothing, open(sys.argv[1] + ".err", "w") as err:
    start = time.monotonic()
    status = subprocess.run(sys.argv[2:], stdin=nothing, stdout=err, stderr=err).returncode
    took = time.monotonic() - start
with open(sys.argv[1], "a") as out:
    print("%.3f %d" % (took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) if status == 0 else "failed", file=out)
PYTHON
}

# A contender is a function that moves all images; each is told a folder of its own. $images are the names in the
# source, $pairs lines of name, the same without its host, and a tag that is unique.
each() { xargs -P "$1" -n 3 bash -c "$2" - <"$pairs"; }
export source=127.0.0.1:5598 target=127.0.0.1:5599

pull_airgap() { kubectl-airgap pull -f "$images" -o "$1/site.tar" --quiet; }
pull_crane() { crane pull --insecure --format=oci $(<"$images") "$1/oci"; }
pull_crane_x4() { dir=$1 each 4 'rm -f "$dir/$3/index.json"; crane pull --insecure --format=oci "$1" "$dir/$3"'; } # else it adds a second entry
pull_regctl() { dir=$1 each 1 'regctl --host reg="$source",tls=disabled image copy "$1" "ocidir://$dir/oci:$3"'; }
pull_regsync() { sync_list "$1" 'print "- {source: " $1 ", target: \"ocidir://" dir "/oci:" $3 "\", type: image}"'; }
pull_skopeo() { dir=$1 each 1 'skopeo copy -q --all --src-tls-verify=false "docker://$1" "oci:$dir/oci:$3"'; }
pull_oras() { dir=$1 each 1 'oras cp --from-plain-http --to-oci-layout "$1" "$dir/oci:$3"'; }

push_airgap() { kubectl-airgap push "$1/site.tar" --to "$target" --layout path --quiet; }
push_crane() { dir=$1_x4 each 1 'crane push --insecure "$dir/$3" "$target/$2"'; }
push_crane_x4() { dir=$1 each 4 'crane push --insecure "$dir/$3" "$target/$2"'; }
push_regctl() { dir=$1 each 1 'regctl --host reg="$target",tls=disabled image copy "ocidir://$dir/oci:$3" "$target/$2"'; }
push_regsync() { sync_list "$1" 'print "- {source: \"ocidir://" dir "/oci:" $3 "\", target: \"" target "/" $2 "\", type: image}"'; }
push_skopeo() { dir=$1 each 1 'skopeo copy -q --all --dest-tls-verify=false "oci:$dir/oci:$3" "docker://$target/$2"'; }
push_oras() { dir=$1 each 1 'oras cp --from-oci-layout --to-plain-http "$dir/oci:$3" "$target/$2"'; }

mirror_airgap() { kubectl-airgap mirror -f "$images" --to "$target" --layout path --quiet; }
mirror_crane() { each 1 'crane copy --insecure "$1" "$target/$2"'; }
mirror_crane_x4() { each 4 'crane copy --insecure "$1" "$target/$2"'; }
mirror_regctl() { each 1 'regctl --host reg="$source",tls=disabled --host reg="$target",tls=disabled image copy "$1" "$target/$2"'; }
mirror_regctl_x4() { each 4 'regctl --host reg="$source",tls=disabled --host reg="$target",tls=disabled image copy "$1" "$target/$2"'; }
mirror_regsync() { sync_list "$1" 'print "- {source: " $1 ", target: \"" target "/" $2 "\", type: image}"'; }
mirror_skopeo() { each 1 'skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$1" "docker://$target/$2"'; }
mirror_oras() { each 1 'oras cp --from-plain-http --to-plain-http "$1" "$target/$2"'; }

# What no program that carries images can do without: fetching all blobs, four at a time; hashing them.
floor_fetch() { curl -sS --fail-early -Z --parallel-max 4 -K "$urls"; }
floor_sha256() {
	python3 -c 'import glob, hashlib, sys
for path in glob.glob(sys.argv[1] + "/docker/registry/v2/blobs/sha256/*/*/data"):
    with open(path, "rb") as blob: hashlib.file_digest(blob, "sha256")' "$work/source"
}

# sync_list DIR AWK: regsync with a line per image.
sync_list() {
	{
		printf 'version: 1\ncreds: [{registry: "%s", tls: disabled}, {registry: "%s", tls: disabled}]\ndefaults: {parallel: 4}\nsync:\n' "$source" "$target"
		awk -v dir="$1" -v target="$target" "{ $2 }" "$pairs"
	} >"$1/regsync.yml"
	regsync once -c "$1/regsync.yml" -v error
}

# contenders CASE: who can do it.
contenders() {
	local who
	for who in airgap ${PEERS:-crane crane_x4 regctl regctl_x4 regsync skopeo oras}; do
		declare -F "$1_$who" >/dev/null || continue
		[[ $who != airgap ]] || { ! kubectl-airgap --help | grep -q "^  $1 " || echo airgap; continue; }
		! has "${who%_x4}" || echo "$who"
	done
}

# once CASE WHO: one run. What a push reads and what a second run finds is what the same program pulled or pushed before.
once() {
	local case=$1 who=$2 dir=$work/out/$2 verb=${1#second-}
	case $case in
	pull) rm -rf "$dir" && mkdir -p "$dir" ;;
	push | mirror) mkdir -p "$dir" && empty ;;
	esac
	sync
	export -f each sync_list "${verb}_$who"
	pairs=$pairs images=$images urls=${urls:-} work=$work meter "$work/times/$case.$who" bash -c "${verb}_$who $dir"
	if [[ $(tail -n 1 "$work/times/$case.$who") == failed ]]; then
		echo "carry: $case $who failed: $(tail -n 1 "$work/times/$case.$who.err")" >&2
	fi
}

# rounds CASE [SECOND]: every contender RUNS times, in turns; straight after it, what it does when nothing is new.
rounds() {
	local all run i
	mapfile -t all < <(contenders "$1")
	[[ $1 != push || -n $pulled ]] || pull_all
	[[ $1 != pull ]] || pulled=1
	for ((run = 0; run < runs; run++)); do
		for ((i = 0; i < ${#all[@]}; i++)); do
			once "$1" "${all[(i + run) % ${#all[@]}]}"
			[[ -z ${2:-} ]] || once "$2" "${all[(i + run) % ${#all[@]}]}"
		done
	done
	table "$1" "${all[@]}"
	[[ -z ${2:-} ]] || table "$2" "${all[@]}"
}

# pull_all lays out what push reads, where no pull was timed before.
pull_all() {
	local who
	for who in $(contenders pull); do
		once pull "$who"
	done
	rm -f "$work"/times/pull.*
	pulled=1
}

# table CASE WHO...: the medians, ratios to ours where ours is among them.
table() {
	local case=$1 who ours=
	shift
	printf '\n%-28s %9s %19s %7s %9s\n' "$case, $set" "median s" "min–max" "ratio" "peak MB"
	for who in "$@"; do
		sort -n "$work/times/$case.$who" | awk -v who="$who" -v ours="$ours" '
			/failed/ { failed++; next } { t[++n] = $1; if ($2 > peak) peak = $2 }
			END {
				if (!n) { printf "%-28s %9s\n", who, "failed"; exit }
				median = t[int((n + 1) / 2)]
				printf "%-28s %9.3f %9.3f–%-9.3f %7s %9.0f%s\n", who, median, t[1], t[n], ours ? sprintf("%.2f", median / ours) : who == "airgap" ? "1.00" : "–", peak / 1024, failed ? "  failed " failed " times" : ""
				print median > "/dev/stderr"
			}' 2>"$work/median"
		[[ $who != airgap ]] || ours=$(<"$work/median")
	done
}

# floors: the ratio is left to the reader.
floors() {
	local run floor
	urls=$work/urls
	find "$work/source/docker/registry/v2/repositories" -path '*/_layers/sha256/*/link' | awk -F/_layers/sha256/ -v base="http://$source/v2/" '
		{ sub(/.*\/repositories\//, "", $1); sub(/\/link/, "", $2) } !seen[$2]++ { print "url = \"" base $1 "/blobs/sha256:" $2 "\"\noutput = \"/dev/null\"" }' >"$urls"
	for ((run = 0; run < runs; run++)); do
		once floor fetch
		once floor sha256
	done
	table floor fetch sha256
}

# fill SET: the source holds it; $images and $pairs name it.
fill() {
	local kind=capi
	[[ $1 == cluster ]] || kind=tkg
	images=$work/images pairs=$work/pairs pulled=
	stop source
	rm -rf "$work/source" "$work/out" "$work/times"
	mkdir -p "$work/times"
	start source 5598
	if [[ -d $workload ]]; then
		[[ -x bin/peers/workload ]] || go build -C "$workload" -o "$PWD/bin/peers/workload" .
		workload fill -set "$kind" -to "$source" -out "$work/lists" >/dev/null 2>&1 
		cp "$work/lists/images.txt" "$images"
	else
		echo "carry: $workload is absent: our own images stand in"
		go run ./test/bench/images "$source" "$1" >"$images"
	fi
	awk '{ path = $1; sub(/^[^\/]*\//, "", path); tag = path; gsub(/[^A-Za-z0-9_.-]/, "-", tag); print $1, path, tag }' "$images" >"$pairs"
	printf '\n%s: %s images, %s MB in the source\n' "$1" "$(wc -l <"$images")" "$(du -sm "$work/source" | cut -f 1)"
}

main() {
	peer crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
	peer regctl github.com/regclient/regclient/cmd/regctl@v0.11.7
	peer regsync github.com/regclient/regclient/cmd/regsync@v0.11.7
	peer oras oras.land/oras/cmd/oras@v1.3.0
	has skopeo || echo "carry: skopeo is not installed: left out"

	for set in ${SETS:-cluster small}; do
		fill "$set"
		for case in ${CASES:-floor pull push mirror}; do
			case $case in
			floor) floors ;;
			pull) rounds pull second-pull ;;
			push) rounds push second-push ;;
			mirror) rounds mirror second-mirror ;;
			esac
		done
	done
}

main "$@"
exit # a change of this file does not reach a run
