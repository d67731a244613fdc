//go:build e2e

package e2e

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// The listing of real manifests agrees with what people found in them.
func TestCorpusScore(t *testing.T) {
	const enough = 0.99
	needShared(t)
	needTool(t, "python3")
	out := lines(run(t, filepath.Join(shared, "tools", "score.py"), filepath.Join(bin, "kubectl-airgap"), filepath.Join(shared, "corpus")))
	last := out[len(out)-1]
	m := regexp.MustCompile(`^recall ([0-9.]+) .* precision ([0-9.]+) `).FindStringSubmatch(last)
	if m == nil {
		t.Fatalf("score.py ended with %q", last)
	}
	t.Log(last)
	for i, name := range []string{"recall", "precision"} {
		if got, err := strconv.ParseFloat(m[i+1], 64); err != nil || got < enough {
			t.Errorf("%s is %s, less than %v", name, m[i+1], enough)
		}
	}
}
