package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/clustertest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/cluster"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// plain is what testdata/objects.yaml names and a plain list has; history and node are what
// the options of these names add.
const (
	plain = `example.com/custom/prometheus:v1
example.com/custom/widget:v1
example.com/embedded/configmap:v1
example.com/embedded/kube-vip:v1
example.com/embedded/secret:v1
example.com/helm/manifest:new
example.com/helm/values:new
example.com/pod/argument:v1
example.com/pod/container:v1
example.com/pod/env:v1
example.com/pod/ephemeral:v1
example.com/pod/failed:v1
example.com/pod/init:v1
example.com/pod/pending:v1
example.com/pod/running:v1
example.com/pod/static:v1
example.com/pod/succeeded:v1
example.com/pod/unknown:v1
example.com/pod/volume:v1
example.com/workload/cronjob:v1
example.com/workload/daemonset:v1
example.com/workload/deployment:v1
example.com/workload/job:v1
example.com/workload/podtemplate:v1
example.com/workload/replicaset-alone:v1
example.com/workload/replicaset:v1
example.com/workload/replicationcontroller:v1
example.com/workload/statefulset:v1
`
	history = `example.com/helm/manifest:old
example.com/helm/values:old
example.com/history/replicaset:v1
example.com/history/revision:v1
`
	node = "example.com/node/digest-only@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\nexample.com/node/pause:v1\n"
)

// wants are what each of the options gives.
var wants = []struct {
	name string
	opts cluster.Options
	want string
}{
	{"plain", cluster.Options{}, plain},
	{"history", cluster.Options{History: true}, plain + history},
	{"node images", cluster.Options{NodeImages: true}, plain + node},
	{"one namespace", cluster.Options{Namespace: "kube-system"}, "example.com/pod/static:v1\n"},
	{"one namespace and node images", cluster.Options{Namespace: "kube-system", NodeImages: true}, node + "example.com/pod/static:v1\n"},
	{"no namespace", cluster.Options{Namespace: "nowhere"}, ""},
	{"small pages", cluster.Options{PageSize: 1, Lists: 1}, plain},
}

func objects(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// start serves the objects, and more that configure adds.
func start(t testing.TB, objects string, configure func(*clustertest.Cluster)) (*clustertest.Cluster, *rest.Config) {
	t.Helper()
	c, err := clustertest.New(objects)
	if err != nil {
		t.Fatal(err)
	}
	if configure != nil {
		configure(c)
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, &rest.Config{Host: server.URL}
}

func text(t testing.TB, l *imagelist.List) string {
	t.Helper()
	var b strings.Builder
	if err := l.Write(&b, imagelist.FormatText, imagelist.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sorted is the lines of s in order.
func sorted(s string) string {
	lines := slices.Sorted(strings.Lines(s))
	return strings.Join(lines, "")
}

// The list of a live cluster is exactly right, whatever the options and the pages.
func TestRead(t *testing.T) {
	_, config := start(t, objects(t), nil)
	for _, test := range wants {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Least = manifest.Likely
			found, err := cluster.Read(t.Context(), config, "cluster test", test.opts)
			if err != nil || len(found.Unread) > 0 {
				t.Fatal(err, found)
			}
			if got, want := text(t, found.Images), sorted(test.want); got != want {
				t.Errorf("%swant\n%s", got, want)
			}
		})
	}
}

// Uses say which object they are of, and have no line.
func TestReadUses(t *testing.T) {
	_, config := start(t, objects(t), nil)
	found, err := cluster.Read(t.Context(), config, "cluster test", cluster.Options{Least: manifest.Likely, NodeImages: true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"example.com/pod/init:v1":            "v1/Pod default/all spec.initContainers[0].image container",
		"example.com/pod/volume:v1":          "v1/Pod default/all spec.volumes[0].image.reference image-volume",
		"example.com/workload/cronjob:v1":    "batch/v1/CronJob default/cronjob spec.jobTemplate.spec.template.spec.containers[0].image container",
		"example.com/custom/widget:v1":       "example.org/v1/Widget widget spec.image split",
		"example.com/helm/manifest:new":      "v1/Secret default/sh.helm.release.v1.web.v2 data.release|manifest|spec.template.spec.containers[0].image container",
		"example.com/node/pause:v1":          "v1/Node node1 status.images[0].names[1] " + cluster.RulePresent,
		"example.com/embedded/configmap:v1":  `v1/ConfigMap default/cni data["cni.yaml"]|spec.template.spec.containers[0].image container`,
		"example.com/workload/deployment:v1": "apps/v1/Deployment default/deployment spec.template.spec.containers[0].image container",
	}
	for item := range found.Images.Items() {
		u := item.Uses[0]
		if u.File != "cluster test" || u.Line != 0 || u.Column != 0 || len(item.Uses) != 1 {
			t.Errorf("%s: %+v", item.Image, item.Uses)
		}
		if w, ok := want[item.Image]; ok && w != fmt.Sprintf("%s %s %s", u.Object, u.Path, u.Rule) {
			t.Errorf("%s: %s %s %s, want %s", item.Image, u.Object, u.Path, u.Rule, w)
		}
		delete(want, item.Image)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// What holds no workload is not even asked for.
func TestReadAsksForNoEvents(t *testing.T) {
	c, config := start(t, objects(t), nil)
	if _, err := cluster.Read(t.Context(), config, "test", cluster.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range c.Requests() {
		for _, never := range []string{"events", "customresourcedefinitions", "status", "reviews"} {
			if strings.Contains(path, never) {
				t.Errorf("asked for %s", path)
			}
		}
	}
}

// A kind that may not be listed, and a group that nobody answers for, are said; all else is read.
func TestReadDenied(t *testing.T) {
	_, config := start(t, objects(t), func(c *clustertest.Cluster) {
		c.Denied["secrets"], c.Down["example.org"] = true, true
	})
	found, err := cluster.Read(t.Context(), config, "cluster test", cluster.Options{Least: manifest.Likely})
	if err != nil {
		t.Fatal(err)
	}
	got := text(t, found.Images)
	var want strings.Builder
	for line := range strings.Lines(plain) {
		if !strings.Contains(line, "/helm/") && !strings.Contains(line, "/embedded/secret") && !strings.Contains(line, "widget") {
			want.WriteString(line)
		}
	}
	if got != want.String() {
		t.Errorf("%swant\n%s", got, &want)
	}
	said := errors.Join(found.Unread...).Error()
	if len(found.Unread) != 2 || !strings.Contains(said, "example.org/v1: ") || !strings.Contains(said, `cluster test: secrets: secrets is forbidden`) {
		t.Errorf("%s", said)
	}
}

// A list that grows too old between pages goes on, or begins again; an answer that breaks
// off is asked for again. No image is lost and no use is doubled.
func TestReadFaults(t *testing.T) {
	for name, configure := range map[string]func(*clustertest.Cluster){
		"expired, goes on":      func(c *clustertest.Cluster) { c.Expire["pods"] = 2 },
		"expired, begins again": func(c *clustertest.Cluster) { c.Expire["pods"], c.Restart = 2, true },
		"broken":                func(c *clustertest.Cluster) { c.Cut["pods"] = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			_, config := start(t, objects(t), configure)
			found, err := cluster.Read(t.Context(), config, "test", cluster.Options{Least: manifest.Likely, PageSize: 2})
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, found.Images); got != plain {
				t.Errorf("%swant\n%s", got, plain)
			}
			for item := range found.Images.Items() {
				if len(item.Uses) != 1 {
					t.Errorf("%s: %d uses", item.Image, len(item.Uses))
				}
			}
		})
	}
}

// Faults that do not end are errors which name the kind.
func TestReadFails(t *testing.T) {
	for name, configure := range map[string]func(*clustertest.Cluster){
		"pods":     func(c *clustertest.Cluster) { c.Expire["pods"], c.Restart = 99, true },
		"cronjobs": func(c *clustertest.Cluster) { c.Cut["cronjobs"] = 99 },
	} {
		_, config := start(t, objects(t), configure)
		_, err := cluster.Read(t.Context(), config, "cluster test", cluster.Options{PageSize: 2})
		if err == nil || !strings.Contains(err.Error(), "cluster test: "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	server := httptest.NewServer(nil)
	server.Close()
	if _, err := cluster.Read(t.Context(), &rest.Config{Host: server.URL}, "cluster test", cluster.Options{}); err == nil ||
		!strings.HasPrefix(err.Error(), "reading cluster test: discovering its kinds: ") {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, config := start(t, objects(t), nil)
	if _, err := cluster.Read(ctx, config, "cluster test", cluster.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
