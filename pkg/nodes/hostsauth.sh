#!/bin/sh
# written by kubectl-airgap: puts the credentials that a Secret gave into every hosts.toml of ours.
# airgap-hosts-auth.sh AUTH DIR...: AUTH holds username and password, DIR holds HOST/hosts.toml.
set -u
auth=$1
shift
[ -s "$auth/username" ] && [ -s "$auth/password" ] || exit 0
umask 077
basic=$(printf '%s:%s' "$(cat "$auth/username")" "$(cat "$auth/password")" | base64 | tr -d '\n')
for dir in "$@"; do
  for f in "$dir"/*/hosts.toml; do
    [ -f "$f" ] && grep -q 'written by kubectl-airgap' "$f" && ! grep -q Authorization "$f" || continue
    awk -v header="Authorization = \"Basic $basic\"" '
      /^\[host\./ { host = $0; sub(/\]$/, ".header]", host) }
      { print }
      END { print "\n[header]\n" header "\n\n" host "\n" header }' "$f" > "$f.airgap" && mv "$f.airgap" "$f"
  done
done
exit 0
