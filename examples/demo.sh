#!/bin/sh
# demo.sh: the whole way of the site beside it, from the internet into a registry without one. Each command is shown before it
# runs; the work is in bin/demo. Both registries are played by a program of the repository (examples/internet).
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH
out=bin/demo
rm -rf "$out"
mkdir -p "$out/home"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

kubectl-airgap images -f examples/site --kubernetes-version v1.36.3 --image ghcr.io/kube-vip/kube-vip:v1.0.1 >"$out/images.txt"
internet "$out/addresses" <"$out/images.txt" &
internet=$!
trap 'kill $internet' EXIT
until [ -s "$out/addresses" ]; do
	kill -0 $internet
	sleep 0.1
done
. "./$out/addresses"
target=$SITE/airgap

say 'Which images will the cluster pull? In arguments, Secrets, scripts and static pods, too.'
run kubectl-airgap images -f examples/site -o table

say 'On the connected side: all of it into one archive. The internet is played by a registry on this machine.'
run kubectl-airgap pull -f examples/site --kubernetes-version v1.36.3 --source-map "*=$INTERNET/{host}" -o "$out/site.tar"
run kubectl-airgap bundle check "$out/site.tar"

say 'Behind the gap: into the private registry. A second time sends nothing.'
run kubectl-airgap push "$out/site.tar" --to "$target"
run kubectl-airgap push "$out/site.tar" --to "$target"

say 'The manifests name it; every other byte stays.'
run kubectl-airgap rewrite -f examples/site/cni --to "$target" --diff
run kubectl-airgap rewrite -f examples/site --to "$target" -o "$out/site"

say "Nodes that pull from the private registry, and clusterctl's home without internet, with their templates."
run kubectl-airgap nodes -f "$out/site" --to "$target" --plain-http --in-place
run kubectl-airgap overrides -f "$out/site" --provider "infrastructure-lab:v0.3.1=$out/site/clusterapi/infrastructure-lab/v0.3.1" --to "$target" -o "$out/home"

prove() {
	run kubectl-airgap verify -f "$out/site" --bundle "$out/site.tar" --to "$target" \
		--kubernetes-version v1.36.3 --node-image-pause "$target/registry.k8s.io/pause:3.10"
}
say 'Proof: whatever the site will pull is in the private registry, and nothing leads outside.'
prove || [ $? = 3 ] # something is not as it should be
say 'One container asks for latest. Told which one that is, the site is complete.'
sed "s|/library/busybox,|/library/busybox:1.37,|" "$out/site/cni/plainnet.yaml" >"$out/plainnet.yaml"
mv "$out/plainnet.yaml" "$out/site/cni/plainnet.yaml"
prove
