#!/bin/bash
# node.sh ROOT TOOLS IMAGE...: be a node for a moment. ROOT has what its first boot laid out (etc/containerd, boot.sh)
# and hosts for /etc/hosts. Runs boot.sh, where systemctl and kubeadm only leave a mark, then containerd, and pulls
# IMAGEs as the kubelet would. All mounts are private to this process and end with it.
set -euo pipefail
if [ -z "${NODE_INNER:-}" ]; then NODE_INNER=1 exec unshare -m --propagation private -- "$0" "$@"; fi
root=$1 tools=$2
shift 2
mkdir -p "$root"/{bin,run,opt,lib,state,etc/containerd} /etc/containerd
for name in systemctl kubeadm; do
	printf '#!/bin/sh\necho "%s $*" >> "%s/marks"\n' "$name" "$root" > "$root/bin/$name"
	chmod +x "$root/bin/$name"
done
mount --bind "$root/etc/containerd" /etc/containerd
mount --bind "$root/hosts" /etc/hosts
mount --bind "$root/opt" /opt # containerd makes /opt/containerd
mount --bind "$root/run" /run # and sockets
export PATH=$root/bin:$PATH
"${NODE_SHELL:-sh}" "$root/boot.sh" > "$root/boot.log" 2>&1 || echo "boot.sh: $?" >> "$root/marks"

containerd --config /etc/containerd/config.toml --root "$root/lib" --state "$root/state" --address /run/c.sock > "$root/containerd.log" 2>&1 &
daemon=$!
stop() {
	kill "$daemon" 2> /dev/null || true
	wait "$daemon" 2> /dev/null || true
}
trap stop EXIT
for _ in {1..100}; do
	[ -S /run/c.sock ] && break
	sleep 0.05
done
"$tools/cri" /run/c.sock "$@"
