package image_test

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func TestShown(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for in, want := range map[string]string{
		"usr:s3cr3t@example.org/x":            "example.org/x",
		"usr:s3c@r3t@example.org/x":           "example.org/x",
		"usr:s3c/r3t@example.org/x":           "example.org/x",
		"t0ken@example.org:5000":              "example.org:5000",
		"usr:s3cr3t@registry":                 "registry",
		"https://usr:s3cr3t@example.org/x":    "https://example.org/x",
		"http://t0ken@registry":               "http://registry",
		"usr:s3cr3t@example.org/x:1" + digest: "example.org/x:1" + digest,
		"example.org/x:1" + digest:            "example.org/x:1" + digest,
		"nginx" + digest:                      "nginx" + digest,
		"nginx@sha256:short":                  "nginx@sha256:short",
		"nginx@latest":                        "nginx@latest",
		"https://example.org/x@1.2/y":         "https://example.org/x@1.2/y",
		"https://example.org:8443/x@1.2/y":    "https://example.org:8443/x@1.2/y",
		"a" + digest + "=b" + digest:          "a" + digest + "=b" + digest,
		"https://example.org/x":               "https://example.org/x",
		"example.org:5000/x":                  "example.org:5000/x",
		"":                                    "",
	} {
		if got := image.Shown(in); got != want {
			t.Errorf("%s is shown as %s, not as %s", in, got, want)
		}
	}
}

// TestNoCredentials: whatever refuses a name that holds credentials shows none of them
// and says what to do instead.
func TestNoCredentials(t *testing.T) {
	for _, place := range []string{
		"usr:s3cr3t@example.org/x", "https://usr:s3cr3t@example.org/x", "usr:a=s3cr3t@example.org", "usr:s3cr3t/s3cr3t@registry",
		"usr:12/s3cr3t@example.org/x", "s3cr3t@example.org/x:1", "http://s3cr3t@registry", "usr:s3cr3t=s3cr3t@example.org/x",
	} {
		_, prefix := image.ParsePrefix(place)
		_, ref := image.Parse(place)
		_, to := image.NewMapping(place, "", nil)
		_, ruleTo := image.ParseRule("quay.io=" + place)
		_, ruleFrom := image.ParseRule(place + "=quay.io")
		_, source := image.ParseSourceRule("*=" + place)
		_, sourceFrom := image.ParseSourceRule(place + "=quay.io")
		_, sourceMap := image.NewSourceMap([]image.SourceRule{{From: "quay.io", To: place}})
		for what, err := range map[string]error{
			"prefix": prefix, "reference": ref, "target": to, "to of a rule": ruleTo, "from of a rule": ruleFrom,
			"to of a source": source, "from of a source": sourceFrom, "source map": sourceMap,
		} {
			if err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s %s: %v", what, place, err)
			} else if !strings.Contains(err.Error(), "--password-stdin") {
				t.Errorf("%s %s: it does not say what to do: %v", what, place, err)
			}
		}
	}
}
