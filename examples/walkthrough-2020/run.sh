#!/bin/sh
# run.sh: the walk-through of 2020, from V1 to V40, on one machine that has Go: kind and Kubernetes v1.17.4 for vSphere,
# Cluster API v0.3.3. The internet and the private registry are played by a program of the repository (examples/internet),
# the manifests by small ones of our own (resources/). With a clusterctl v0.3.3 in bin/clusterctl-v0.3.3 it is used, too.
# docs/vsphere.md says task by task what the document did, what is done here, and what stays yours.
set -eu
cd "$(dirname "$0")/../.."
go build -o bin/ ./cmd/kubectl-airgap ./examples/internet
PATH=$PWD/bin:$PATH
example=$PWD/examples/walkthrough-2020
clusterctl=$PWD/bin/clusterctl-v0.3.3
out=$PWD/bin/walkthrough-2020
rm -rf "$out"
mkdir -p "$out/web" "$out/connected/kind" "$out/behind"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '\n$ %s\n' "$*"
	"$@"
}
# publish HOST/PATH FILE: the web has FILE at this URL
publish() {
	mkdir -p "$out/web/$(dirname "$1")"
	cp "$2" "$out/web/$1"
}
sha256() { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; }

# What plays the internet: our manifests at the URLs of airgap.yaml, and files that stand for OVAs and programs.
cp "$example/airgap.yaml" "$out/connected/"
cp "$example/kind/images.txt" "$out/connected/kind/"
sed -n 's|^ *- https://\(.*\.yaml\)$|\1|p' "$example/airgap.yaml" | while read -r url; do
	publish "$url" "$(find "$example/resources" -name "$(basename "$url")")"
done
sed -n 's|^ *- url: https://||p' "$example/airgap.yaml" | while read -r url; do
	printf '#!/bin/sh\necho "this stands for %s"\n' "$url" >"$out/file"
	case $url in
	*/v0.3.3/clusterctl-linux-amd64) [ ! -x "$clusterctl" ] || cp "$clusterctl" "$out/file" ;;
	esac
	publish "$url" "$out/file"
	(cd "$out/web/$(dirname "$url")" && sha256 "$(basename "$url")" >"$(basename "$url").sha256")
done
cd "$out/connected"
kubectl-airgap images -f "$example/resources" -f kind/images.txt --kubernetes-version v1.17.4 >"$out/images.txt"
internet "$out/addresses" "$out/web" <"$out/images.txt" &
internet=$!
trap 'kill $internet' EXIT
until [ -s "$out/addresses" ]; do
	kill -0 $internet
	sleep 0.1
done
. "$out/addresses"
# The registry has an address of its own each time; yours stands in airgap.yaml.
sed "s|registry.example.com|$SITE|" airgap.yaml >airgap.new && mv airgap.new airgap.yaml

say 'V1-V3. No gsutil, no Docker. airgap.yaml says what is wanted; where it lies is the folder that you are in.'
say 'V4-V20. On the connected side: OVAs with their checksums, programs, manifests and every image that they name, in one archive.'
run kubectl-airgap images -f "$example/resources" --kubernetes-version v1.17.4
run kubectl-airgap pull -q -o site.tar --source-map "*=$INTERNET/{host}" --file-source-map "*=http://$WEB/{host}"
say 'V21. What is in it?'
run kubectl-airgap bundle ls site.tar
say 'V22, V23. In parts for media that are small; each can be checked, by sha256sum as well.'
run kubectl-airgap bundle split site.tar --size 4M
cp site.tar.part* "$out/behind/"

say 'V24. Behind the gap: checked, joined, and its files laid out.'
cp airgap.yaml "$out/behind/"
cd "$out/behind"
run kubectl-airgap bundle check site.tar.part-0001
run kubectl-airgap bundle join -q site.tar.part-0001 -o site.tar
run tar xf site.tar binaries ovas resources
say 'V25, V26. Into the private registry, in the folders of the document. A second time sends nothing.'
run kubectl-airgap push -q site.tar
run kubectl-airgap push site.tar 2>&1 | tail -n 1
say 'The document gave every image the tag latest, too. Two of this site would fight for one: nothing is sent.'
run kubectl-airgap push site.tar --also-tag latest || [ $? = 1 ]
say 'V27-V29. kind v0.7.0, whose nodes know no certs.d. Where there is Docker, kind create cluster comes next.'
run kubectl-airgap nodes --format kind --style containerd-config --plain-http -o bootstrap
run cat bootstrap/kind.yaml
printf '\n%s\n' "(yours: binaries/kind create cluster --name vsphere-bootstrap-cluster --image $SITE/airgap/kind/node:v1.17.2 --config kind.yaml)"
say 'V30. The manifests name the private registry; every other byte stays.'
run kubectl-airgap rewrite -f resources -o site
run sh -c 'diff resources/cert-manager site/cert-manager || true'
say "V35, V38. Nodes that pull from it, and kubeadm that names it: in the cluster's template, once for all clusters."
run kubectl-airgap nodes -f site --style containerd-config --image-repository --plain-http --in-place
say 'V31-V34. The home of clusterctl.'
run kubectl-airgap overrides -q -f site -o home
run cat home/clusterctl.yaml
say 'V36. OVAs into vSphere, snapshot, template: yours, docs/vsphere.md has the lines for govc.'
export VSPHERE_SERVER=vc.example.com VSPHERE_TEMPLATE=ubuntu-1804-kube-v1.17.4 VSPHERE_HAPROXY_TEMPLATE=capv-haproxy-v0.6.3
say 'V37. A cluster, of the version that was carried.'
if [ -x "$clusterctl" ]; then
	printf '\n$ binaries/clusterctl config cluster vsphere-quickstart … >cluster.yaml\n'
	./binaries/clusterctl --config home/clusterctl.yaml config cluster vsphere-quickstart --infrastructure vsphere:v0.6.3 \
		--kubernetes-version v1.17.4 --control-plane-machine-count 1 --worker-machine-count 3 -n default >cluster.yaml
else
	echo 'no bin/clusterctl-v0.3.3: the variables of the template are filled in by sed'
	sed -e 's/\${CLUSTER_NAME}/vsphere-quickstart/; s/\${NAMESPACE}/default/; s/\${KUBERNETES_VERSION}/v1.17.4/' \
		-e 's/\${CONTROL_PLANE_MACHINE_COUNT}/1/; s/\${WORKER_MACHINE_COUNT}/3/; s/\${VSPHERE_[A-Z_]*}/x/' \
		home/overrides/infrastructure-vsphere/v0.6.3/cluster-template.yaml >cluster.yaml
fi
say 'V39, V40. Before kubectl apply: is all that it will pull there? containerd of 2020 could not be kept from asking'
echo '# the registry that an image names when the private one has no answer: that is what is found here, and nothing else.'
run kubectl-airgap verify -f site -f cluster.yaml --clusterctl-home home --bundle site.tar || [ $? = 3 ]
