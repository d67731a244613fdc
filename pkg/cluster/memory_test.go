package cluster_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/cluster"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// peakHeap is how much more is in use at the worst while f runs than before it.
func peakHeap(t testing.TB, f func()) int64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, int64(now.HeapAlloc)-int64(before.HeapAlloc))
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	return <-peak
}

// manyPods is a cluster of nothing but pods, which are made as they are asked for.
func manyPods(pods int) (http.Handler, *atomic.Int32) {
	pages := new(atomic.Int32)
	mux := http.NewServeMux()
	for path, text := range map[string]string{
		"/api":    `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis":   `{"kind":"APIGroupList","groups":[]}`,
		"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list"]}]}`,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
		})
	}
	mux.HandleFunc("/api/v1/pods", func(w http.ResponseWriter, r *http.Request) {
		pages.Add(1)
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		next := ""
		if from+limit < pods {
			next = strconv.Itoa(from + limit)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"kind":"PodList","apiVersion":"v1","metadata":{"continue":%q},"items":[`, next)
		for i := from; i < min(from+limit, pods); i++ {
			fmt.Fprint(w, strings.Repeat(",", min(1, i-from)), pod(i))
		}
		fmt.Fprint(w, "]}")
	})
	return mux, pages
}

// pod is a pod as the API server sends it, with two containers.
func pod(i int) string {
	var containers []string
	for _, name := range []string{"web", "proxy"} {
		containers = append(containers, fmt.Sprintf(`{"name":%q,"image":"quay.io/acme/%s:v%d","args":["--listen=:8080","--log-level=info"],"env":[%s{"name":"LAST","value":"1"}],`+
			`"resources":{"limits":{"cpu":"1","memory":"1Gi"}},"volumeMounts":[{"name":"token","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],`+
			`"livenessProbe":{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"}},"imagePullPolicy":"IfNotPresent"}`,
			name, name, i%50, strings.Repeat(`{"name":"VARIABLE","value":"some value"},`, 12)))
	}
	return fmt.Sprintf(`{"metadata":{"name":"web-%d","namespace":"ns-%d","labels":{"app":"web"},"managedFields":[{"manager":"kube-controller-manager","fieldsV1":{"f:spec":{%s"f:b":{}}}}]},`+
		`"spec":{"containers":[%s],"nodeName":"node1","volumes":[{"name":"token","projected":{"sources":[{"serviceAccountToken":{"path":"token"}}]}}]},`+
		`"status":{"phase":"Running","containerStatuses":[{"name":"web","image":"quay.io/acme/web","imageID":"quay.io/acme/web@sha256:%064d"}]}}`,
		i, i%100, strings.Repeat(`"f:field":{".":{}},`, 100), strings.Join(containers, ","), i)
}

// 10,000 pods are read page by page, and take little more than their list.
func TestReadManyPods(t *testing.T) {
	const pods = 10_000
	handler, pages := manyPods(pods)
	server := httptest.NewServer(handler)
	defer server.Close()
	peak := peakHeap(t, func() {
		found, err := cluster.Read(t.Context(), &rest.Config{Host: server.URL}, "test", cluster.Options{Least: manifest.Likely})
		if err != nil {
			t.Fatal(err)
		}
		uses := 0
		for item := range found.Images.Items() {
			uses += len(item.Uses)
		}
		if uses != 2*pods {
			t.Errorf("%d uses in %d pods", uses, pods)
		}
	})
	t.Logf("%d pods take %d MB", pods, peak>>20)
	if peak > 60<<20 {
		t.Errorf("%d pods take %d MB", pods, peak>>20)
	}
	if n := pages.Load(); n != pods/500 {
		t.Errorf("%d pages", n)
	}
}

func BenchmarkReadPods(b *testing.B) {
	const pods = 10_000
	handler, _ := manyPods(pods)
	server := httptest.NewServer(handler)
	defer server.Close()
	for b.Loop() {
		if _, err := cluster.Read(b.Context(), &rest.Config{Host: server.URL}, "test", cluster.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
