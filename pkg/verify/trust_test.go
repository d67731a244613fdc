package verify

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestTrust: a node that is given another authority than the registry's is found by
// shaking hands with it.
func TestTrust(t *testing.T) {
	s, right := registrytest.StartTLS(t, registrytest.Options{}, false)
	wrong, err := registrytest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	target := s.Host + "/p"
	wanted := []Wanted{{Pair: image.Pair{Source: image.Ref{Registry: s.Host, Repository: "p/a/b", Tag: "v1"}}}} // rewritten
	for name, c := range map[string]struct {
		pem  []byte
		more string
		want int
	}{
		"right": {right.PEM, "", 0}, "wrong": {wrong.PEM, "", 1}, "both": {append(wrong.PEM, right.PEM...), "", 0},
		"wrong, but not looked at": {wrong.PEM, "skip_verify = true\n", 0},
	} {
		hosts := strings.ReplaceAll(goodHosts, "r.example", s.Host) + "ca = \"/etc/containerd/certs.d/quay.io/ca.crt\"\n" + c.more
		files := fstest.MapFS{"quay.io/hosts.toml": {Data: []byte(hosts)}, "quay.io/ca.crt": {Data: c.pem}}
		config, err := containerd.Load(files, containerd.Options{Name: "certs.d"})
		if err != nil {
			t.Fatal(err)
		}
		found := NewMirrors(target, []*containerd.Config{config}).Trust(t.Context(), Site{Target: target}, wanted, nil)
		if len(found) != c.want || c.want > 0 && (found[0].Check != CheckNodeCA || !strings.HasPrefix(found[0].Place, "certs.d/quay.io/hosts.toml:")) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
