package manifest

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A name whose variable the target has no place for is refused, not cut short.
func TestVariableWithoutPlace(t *testing.T) {
	const src = "kind: Pod\nspec:\n  containers:\n  - image: gcr.io/${PROJECT}/app:v1\n"
	m, err := image.NewMapping("registry.example.com/airgap", image.LayoutName, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := mustParse(t, "in.yaml", src, false).Replace(func(u Use) (image.Ref, bool) { return u.Target(m) })
	if string(out) != src {
		t.Errorf("became\n%s", out)
	}
	if err == nil || !strings.Contains(err.Error(), "in.yaml:4:12: gcr.io/${PROJECT}/app:v1: its name holds a variable") {
		t.Errorf("said %v", err)
	}
}
