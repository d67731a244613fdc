package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A resource is one kind in one version.
type resource struct {
	group, version, plural, kind string
	namespaced                   bool
}

func (r resource) apiVersion() string {
	if r.group == "" {
		return r.version
	}
	return r.group + "/" + r.version
}

// builtin are the kinds that provider components and clusterctl itself use.
func builtin() []resource {
	var list []resource
	for _, line := range strings.Split(strings.TrimSpace(`
v1 namespaces Namespace cluster
v1 nodes Node cluster
v1 configmaps ConfigMap
v1 secrets Secret
v1 services Service
v1 serviceaccounts ServiceAccount
v1 pods Pod
apps/v1 deployments Deployment
apps/v1 daemonsets DaemonSet
batch/v1 jobs Job
rbac.authorization.k8s.io/v1 roles Role
rbac.authorization.k8s.io/v1 rolebindings RoleBinding
rbac.authorization.k8s.io/v1 clusterroles ClusterRole cluster
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding cluster
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration cluster
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration cluster
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition cluster
apiregistration.k8s.io/v1 apiservices APIService cluster
`), "\n") {
		f := strings.Fields(line)
		r := resource{version: f[0], plural: f[1], kind: f[2], namespaced: len(f) == 3}
		if group, version, ok := strings.Cut(f[0], "/"); ok {
			r.group, r.version = group, version
		}
		list = append(list, r)
	}
	return list
}

// define adds the kinds of a CustomResourceDefinition, and says that it is established.
func (a *api) define(crd object) {
	spec, _ := crd["spec"].(object)
	names, _ := spec["names"].(object)
	versions, _ := spec["versions"].([]any)
	for _, v := range versions {
		version, _ := v.(object)
		r := resource{
			group: fmt.Sprint(spec["group"]), version: fmt.Sprint(version["name"]),
			plural: fmt.Sprint(names["plural"]), kind: fmt.Sprint(names["kind"]), namespaced: spec["scope"] == "Namespaced",
		}
		if version["served"] == true && !slices.Contains(a.resources, r) {
			a.resources = append(a.resources, r)
		}
	}
	crd["status"] = object{"conditions": []any{
		object{"type": "NamesAccepted", "status": "True"}, object{"type": "Established", "status": "True"},
	}}
}

// discover answers what there is: /version, /api, /apis and the versions below them.
func (a *api) discover(w http.ResponseWriter, path string) bool {
	path = strings.Trim(path, "/")
	switch path {
	case "version":
		answer(w, http.StatusOK, object{"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"})
		return true
	case "api":
		answer(w, http.StatusOK, object{"kind": "APIVersions", "versions": []string{"v1"}})
		return true
	case "apis":
		answer(w, http.StatusOK, a.groups())
		return true
	}
	version, ok := strings.CutPrefix(path, "apis/")
	if !ok {
		version, ok = strings.CutPrefix(path, "api/")
	}
	if !ok || strings.Count(path, "/") > 2 || strings.HasPrefix(path, "api/") && strings.Count(path, "/") > 1 {
		return false
	}
	return a.resourceList(w, version)
}

func (a *api) resourceList(w http.ResponseWriter, version string) bool {
	var list []any
	for _, r := range a.resources {
		if r.apiVersion() == version {
			list = append(list, object{
				"name": r.plural, "kind": r.kind, "namespaced": r.namespaced, "singularName": strings.ToLower(r.kind),
				"verbs": []string{"create", "delete", "get", "list", "patch", "update", "watch"},
			})
		}
	}
	if list == nil {
		return false
	}
	answer(w, http.StatusOK, object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list})
	return true
}

func (a *api) groups() object {
	var names []string
	versions := map[string][]any{}
	for _, r := range a.resources {
		v := object{"groupVersion": r.apiVersion(), "version": r.version}
		if r.group == "" || slices.ContainsFunc(versions[r.group], func(o any) bool { return o.(object)["version"] == r.version }) {
			continue
		}
		if versions[r.group] == nil {
			names = append(names, r.group)
		}
		versions[r.group] = append(versions[r.group], v)
	}
	groups := []any{}
	for _, name := range names {
		groups = append(groups, object{"name": name, "versions": versions[name], "preferredVersion": versions[name][0]})
	}
	return object{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
}
