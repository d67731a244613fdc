#!/bin/sh
# Stands for docker: what kind asks it, answered so that kind goes as far as kubeadm init, which fails.
# KIND_LOG gets the calls; KIND_CONFIG is the containerd configuration of the node, KIND_CONFIG.new what kind makes of it.
echo "docker $*" >> "$KIND_LOG"
case "$1 $2" in
"-v ") echo "Docker version 27.0.0, build 0" ;;
"info --format") echo '{"Driver":"overlay2","CgroupVersion":"2","CgroupDriver":"systemd","MemoryLimit":true,"PidsLimit":true,"CPUShares":true,"SecurityOptions":[]}' ;;
"info -f") echo overlay2 ;;
"ps "*) ! grep -q "^docker run" "$KIND_LOG" || echo kind-control-plane ;;
"network ls") echo 1234 ;;
"network inspect") echo '172.18.0.0/16' ;;
"inspect --type=image") ;;
"inspect "*)
	case "$*" in
	*kind.role*) echo control-plane ;;
	*) echo '172.18.0.2,fc00::2' ;;
	esac ;;
"run "*) ;;
"logs "*) echo 'Reached target Multi-User System.' ;;
"exec "*)
	while [ $# -gt 0 ] && [ "$1" != kind-control-plane ]; do shift; done
	shift
	case "$*" in
	"cat /kind/version") echo v1.37.0 ;;
	"cat /etc/containerd/config.toml") cat "$KIND_CONFIG" ;;
	"cp /dev/stdin /etc/containerd/config.toml") cat > "$KIND_CONFIG.new" ;;
	kubeadm*) exit 1 ;;
	esac ;;
esac
