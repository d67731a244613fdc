package export_test

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func ref(t *testing.T, s string) image.Ref {
	t.Helper()
	r, err := image.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWriteTemplate(t *testing.T) {
	e := export.Entry{Pair: image.Pair{
		Source: ref(t, "ghcr.io/canonical/pause:3.10"), Target: ref(t, export.StandIn+"/canonical/pause:3.10"),
	}}
	var b strings.Builder
	if err := export.Write(&b, export.Regsync, []export.Entry{e}, export.Options{Template: `{{ env "MIRROR" }}`}); err != nil {
		t.Fatal(err)
	}
	if want := `target: '{{ env "MIRROR" }}/canonical/pause:3.10'`; !strings.Contains(b.String(), want) {
		t.Errorf("%s\nlacks %s", b.String(), want)
	}
}
