#!/bin/sh
# written by kubectl-airgap: makes registries.yaml of airgap-registries.yaml and the credentials that a Secret gave.
# airgap-registries.sh DIR: the folder that holds them. The registry's configuration ends airgap-registries.yaml.
set -u
cd "$1" || exit 0
umask 077

# scalar prints what a file holds as a string of YAML: single quotes are doubled.
scalar() {
  printf "'%s'" "$(sed "s/'/''/g" "airgap-auth/$1")"
}

{
  cat airgap-registries.yaml
  printf '    auth:\n      username: %s\n      password: %s\n' "$(scalar username)" "$(scalar password)"
} > registries.yaml.airgap && mv registries.yaml.airgap registries.yaml
exit 0
