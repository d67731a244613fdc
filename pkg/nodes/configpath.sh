#!/bin/sh
# written by kubectl-airgap: makes containerd read certs.d/HOST/hosts.toml, whatever its version.
# All else in config.toml stays, and the file as it was beside it. Prints a line if containerd
# has to be restarted; run again, it finds nothing to do.
set -u
config=/etc/containerd/config.toml
certs=/etc/containerd/certs.d
[ $# -gt 0 ] && config=$1
PATH=$PATH:/opt/bin:/usr/local/bin

refuse() {
  echo "airgap: $1" >&2
  exit 1
}

# dump prints what containerd makes of a configuration, drop-ins included.
dump() {
  containerd --config "$1" config dump 2>/dev/null
}

# path prints where the CRI looks for hosts.toml.
path() {
  dump "$1" | awk '
    /^[ \t]*\[/ {
      t = $0; gsub(/[ \t"\047]/, "", t)
      on = t == "[plugins.io.containerd.grpc.v1.cri.registry]" || t == "[plugins.io.containerd.cri.v1.images.registry]"
    }
    on && /^[ \t]*config_path[ \t]*=/ { sub(/^[^=]*=[ \t]*/, ""); gsub(/["\047]/, ""); print; exit }'
}

# rivals prints something if there are tables beside which the CRI refuses config_path.
rivals() {
  dump "$1" | awk '
    /^[ \t]*\[/ {
      t = $0; gsub(/[ \t"\047]/, "", t)
      if (t ~ /cri(\.v1\.images)?\.registry\.mirrors\./ || t ~ /cri(\.v1\.images)?\.registry\.configs\..*\.tls\]/) { print t; exit }
    }'
}

right() {
  [ "$(path "$1")" = "$certs" ] && [ -z "$(rivals "$1")" ]
}

command -v containerd >/dev/null || refuse 'there is no containerd'
if [ ! -s "$config" ]; then
  mkdir -p "$(dirname "$config")"
  containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' > "$config"
  echo "made $config"
fi
right "$config" && exit 0

# edit prints the configuration with the path in the table of a plugin; as version 2 it names
# plugins in full: containerd 2.0 to 2.2 read over the CRI of older versions, and of none.
edit() {
  awk -v plugin="$1" -v two="$2" -v certs="$certs" '
  BEGIN { if (two) print "version = 2" }
  two && !tables && /^[ \t]*version[ \t]*=/ { next }
  /^[ \t]*\[/ {
    tables = 1
    if (two && /plugins\.["\047]?cri["\047]?[].]/) sub(/["\047]?cri["\047]?/, "\"io.containerd.grpc.v1.cri\"")
    t = $0; sub(/#.*/, "", t); gsub(/[ \t"\047]/, "", t)
    on = t == "[plugins." plugin ".registry]"
    drop = t ~ /cri(\.v1\.images)?\.registry\.mirrors[].]/ || t ~ /cri(\.v1\.images)?\.registry\.configs\..*\.tls\]/
    if (drop) next
    print
    if (on) { print "  config_path = \"" certs "\""; done = 1 }
    next
  }
  drop || on && /^[ \t]*config_path[ \t]*=/ { next }
  { print }
  END { if (!done) print "\n[plugins.\"" plugin "\".registry]\n  config_path = \"" certs "\"" }
' "$config"
}

version=$(awk '/^[ \t]*\[/ { exit } /^[ \t]*version[ \t]*=/ { gsub(/[^0-9]/, ""); print; exit }' "$config")
new=$config.airgap
rm -f "$new"
case $version in
3 | 4) edit io.containerd.cri.v1.images '' > "$new" ;;
2) edit io.containerd.grpc.v1.cri '' > "$new" ;;
*) # both names of a plugin in one file would be in no order
  grep -q '^[^#]*plugins.*io\.containerd' "$config" || edit cri '' > "$new"
  [ -s "$new" ] && right "$new" || edit io.containerd.grpc.v1.cri 2 > "$new" ;;
esac
if ! right "$new"; then
  rm -f "$new"
  refuse "cannot make containerd read $certs by $config"
fi
cp -p "$config" "$config.before-airgap" && cat "$new" > "$config" && rm -f "$new" && echo "changed $config"
