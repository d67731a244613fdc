package manifest

import "strings"

// A rule is one row of the detection table: which strings, standing where, are
// references. The first row that matches wins. To teach the walker a new place,
// add a row here and a txtar in testdata that shows it.
type rule struct {
	name string // what `images --explain` prints
	// at is the end of the path: keys joined by dots, [] for the items of a list.
	// Keys match without case, '-', '_' and '.'; * matches any beginning or end of a key.
	at string
	// object restricts the rule to objects: GROUP/KIND with * as a wildcard, "" for all.
	object     string
	form       Form
	confidence Confidence
	shape      shape // the least that the string must look like
}

// fieldRules says which fields hold a whole reference.
//
// Sources: k8s.io/api core/v1 (containers, image volumes), the CRDs of the
// projects named, and for the general rows the habits of the field.
var fieldRules = []rule{
	// Pods, wherever a pod template stands, also inside custom resources.
	{"container", "containers[].image", "", FormField, Certain, anyReference},
	{"container", "initContainers[].image", "", FormField, Certain, anyReference},
	{"container", "ephemeralContainers[].image", "", FormField, Certain, anyReference},
	{"image-volume", "volumes[].image.reference", "", FormField, Certain, anyReference},

	// Containers under other names: Tekton, Argo Workflows, operators.
	{"step", "steps[].image", "", FormCRField, Certain, anyReference},
	{"step", "sidecars[].image", "", FormCRField, Certain, anyReference},
	{"step", "stepTemplate.image", "", FormCRField, Certain, anyReference},
	{"container", "container.image", "", FormCRField, Certain, anyReference},
	{"container", "script.image", "", FormCRField, Certain, anyReference},
	{"container-disk", "containerDisk.image", "", FormCRField, Certain, anyReference}, // KubeVirt
	{"machine-image", "customImage", "infrastructure.cluster.x-k8s.io/Docker*", FormCRField, Certain, anyReference},
	{"machine-image", "customImage", "", FormCRField, Certain, namedReference},
	{"etcd-proxy", "etcdProxyImage", "", FormCRField, Certain, anyReference},          // KThreesControlPlane
	{"must-gather", "mustGatherImages[].url", "", FormCRField, Certain, anyReference}, // AgentServiceConfig
	{"package", "spec.package", "pkg.crossplane.io/*", FormCRField, Certain, taggedReference},

	// VM images and disk images are no container images.
	{"vm-image", "*image*", "infrastructure.cluster.x-k8s.io/*", "", Certain, strongReference},

	{"vm-image", "*machineImage", "", "", Certain, taggedReference},
	{"vm-image", "*osImage", "", "", Certain, taggedReference},
	{"vm-image", "*vmImage", "", "", Certain, taggedReference},
	{"vm-image", "*cloudImage", "", "", Certain, taggedReference},

	// Lists of images.
	{"related-image", "relatedImages[].image", "", FormCRField, Certain, anyReference}, // OLM
	{"image-list", "spec.images[].name", "*/Images", FormList, Certain, anyReference},  // Hauler
	{"image-list", "sync[].source", "", FormList, Certain, rootedReference},            // regsync
	{"sync-target", "sync[].target", "", "", Certain, noReference},
	{"lock-annotation", "images[].annotations.*", "", "", Certain, noReference}, // kbld's notes
	{"image-list", "images[]", "*/ZarfPackageConfig", FormList, Certain, anyReference},
	{"image-list", "images[].image", "", FormList, Certain, anyReference}, // imgpkg
	{"image-list", "images[].name", "", FormList, Likely, rootedReference},
	{"image-list", "images[].source", "", FormList, Likely, rootedReference},
	{"image-list", "images[].names[]", "", FormList, Likely, rootedReference},
	{"image-list", "*images[]", "", FormList, Likely, namedReference}, // Zarf, oc-mirror, kind
	{"image-list", "*imageList[]", "", FormList, Likely, namedReference},

	// Fields named after images.
	{"sandbox-image", "sandboxImage", "", FormCRField, Certain, namedReference}, // containerd
	{"annotation", "annotations.*image*", "", FormCRField, Likely, rootedReference},
	{"config-value", "data.*image*", "*/ConfigMap", FormCRField, Likely, rootedReference},
	{"image-field", "image", "", FormCRField, Likely, namedReference},
	{"image-field", "*image", "", FormCRField, Likely, rootedReference},
	{"image-field", "*imageRef", "", FormCRField, Likely, rootedReference},
	{"image-field", "*imagePullSpec", "", FormCRField, Likely, rootedReference},
	{"image-field", "image*", "", FormCRField, Likely, taggedReference},
	{"image-field", "*image*", "", FormCRField, Likely, taggedReference},

	// Mappings of images: {images: {NAME: reference}}, also with a group in between, and
	// {image: {NAME: reference}}. What holds the beginning of names only is not among them.
	{"image-map", "*images.*registry", "", "", Likely, noReference},
	{"image-map", "*images.*repository", "", "", Likely, noReference},
	{"image-map", "*images.*repo", "", "", Likely, noReference},
	{"image-map", "*images.*prefix", "", "", Likely, noReference},
	{"image-map", "*images.*hub", "", "", Likely, noReference},
	{"image-map", "*images.*url", "", "", Likely, noReference},
	{"image-map", "image.example", "", "", Likely, noReference}, // OpenAPI
	{"image-map", "image.*repoTag", "", FormCRField, Likely, rootedReference},
	{"image-map", "image.*andTag", "", FormCRField, Likely, rootedReference},
	{"image-map", "image.name", "", FormCRField, Likely, rootedReference},
	{"image-map", "*images.*", "", FormCRField, Likely, rootedReference},
	{"image-map", "*images.*.*", "", FormCRField, Likely, taggedReference},
	{"image-map", "image.*", "", FormCRField, Likely, taggedReference},
}

// policies are the objects, as in rule, that say which images others may use: what they
// name is compared with, and pulled for no one.
var policies = []string{
	"constraints.gatekeeper.sh/*", "templates.gatekeeper.sh/*", "policy.sigstore.dev/*", "policies.kyverno.io/*",
	"kyverno.io/*", "admissionregistration.k8s.io/ValidatingAdmissionPolicy*",
}

// isPolicy says that objects of a group and kind are policies.
func isPolicy(group, kind string) bool {
	for _, pattern := range policies {
		if (matcher{rule: &rule{object: pattern}}).matchesObject(group, kind) {
			return true
		}
	}
	return false
}

// ignoredKeys are the keys below which no reference stands: prose, label sets, keys.
var ignoredKeys = map[string]bool{
	"description": true, "readme": true, "labels": true, "matchlabels": true, "nodeselector": true,
	"cabundle": true, "managedfields": true, "matchexpressions": true,
	// What a cluster reports of itself.
	"containerstatuses": true, "initcontainerstatuses": true, "imageid": true, "lastappliedspec": true,
}

// normal is a key as rules compare it.
func normal(key string) string {
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		key = key[i+1:] // the name of an annotation without its domain
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(key))
}

// A matcher is a rule with its path taken apart.
type matcher struct {
	*rule
	steps []string // from the last to the first; "[]" for the items of a list
}

// matchers is the table ready for use.
func matchers() []matcher {
	list := make([]matcher, len(fieldRules))
	for i := range fieldRules {
		list[i] = compile(&fieldRules[i])
	}
	return list
}

// compile takes the path of a rule apart.
func compile(r *rule) matcher {
	m := matcher{rule: r}
	for _, key := range strings.Split(r.at, ".") {
		name, item := strings.CutSuffix(key, "[]")
		m.steps = append([]string{strings.ToLower(name)}, m.steps...)
		if item {
			m.steps = append([]string{"[]"}, m.steps...)
		}
	}
	return m
}

// glob matches s with a pattern that may begin and end with *.
func glob(pattern, s string) bool {
	head, tail := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*") && len(pattern) > 1
	core := strings.TrimSuffix(strings.TrimPrefix(pattern, "*"), "*")
	switch {
	case head && tail:
		return strings.Contains(s, core)
	case head:
		return strings.HasSuffix(s, core)
	case tail:
		return strings.HasPrefix(s, core)
	}
	return s == core
}

// matchesObject compares GROUP/KIND with a rule's object pattern.
func (m matcher) matchesObject(group, kind string) bool {
	if m.object == "" {
		return true
	}
	g, k, _ := strings.Cut(m.object, "/")
	return glob(g, group) && glob(k, kind)
}
