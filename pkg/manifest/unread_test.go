package manifest

import (
	"fmt"
	"testing"
)

// What has to name an image, or where images are, and does not is told with its place; what variables hide of an image is
// a use, and what is empty is left to others.
func TestUnread(t *testing.T) {
	const pod = "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - image: "
	const cluster = "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta4\nimageRepository: "
	for text, want := range map[string]string{
		pod + "https://r.example/x:v1\n":                         "[container 5:12 https://r.example/x:v1]",
		pod + "\"r.example/ x:v1\"\n":                            "[container 5:13 r.example/ x:v1]",
		pod + "r.example/x:v1:v2\n    imagePullPolicy: Always\n": "[container 5:12 r.example/x:v1:v2]",
		pod + "r.example/x:v1\n":                                 "[]",
		pod + "\"\"\n":                                           "[]",
		pod + "REGISTRY/x:v1\n":                                  "[]", // a use: a placeholder
		pod + "https://${HOST}/x:v1\n":                           "[]",
		pod + "'{{ .Values.image }}'\n":                          "[]",
		cluster + "${REPOSITORY}\n":                              "[kubeadm-prefix 3:18 ${REPOSITORY}]",
		cluster + "${REPOSITORY:=r.example/x}\n":                 "[]",
		cluster + "r.example/x\n":                                "[]",
		"kind: Secret\nstringData:\n  a: |\n    " + "kind: Pod\n    spec:\n      containers: [{image: \"a:b:c\"}]\n": "[container 6:29 a:b:c]",
	} {
		f, err := Parse("in.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, u := range f.Unread() {
			got = append(got, fmt.Sprintf("%s %d:%d %s", u.Rule, u.Line, u.Column, u.Written))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s%v, want %s", text, got, want)
		}
	}
}

// The version of a cluster with a class is one as that of a control plane is.
func TestVersionsOfClasses(t *testing.T) {
	f, err := Parse("in.yaml", []byte("apiVersion: cluster.x-k8s.io/v1beta2\nkind: Cluster\nspec:\n  topology:\n    version: v1.36.3\n---\nkind: Pod\nspec: {topology: {version: v1.0.0}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.Versions()); got != "[{v1.36.3 true 5 14}]" {
		t.Error(got)
	}
}
