package overrides_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
)

// The folders of adrg/xdg, which clusterctl asks, on each system.
func TestFolders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of Unix")
	}
	for _, test := range []struct {
		e             overrides.Environment
		current, mine string
	}{
		{overrides.Environment{GOOS: "linux", Home: "/h"}, "/h/.config/cluster-api", "/h/.cluster-api"},
		{overrides.Environment{GOOS: "linux", Home: "/h", XDGConfigHome: "/x"}, "/x/cluster-api", "/h/.cluster-api"},
		{overrides.Environment{GOOS: "linux", Home: "/h", XDGConfigHome: "relative"}, "/h/.config/cluster-api", "/h/.cluster-api"},
		{overrides.Environment{GOOS: "darwin", Home: "/h"}, "/h/Library/Application Support/cluster-api", "/h/.cluster-api"},
		{overrides.Environment{GOOS: "darwin", Home: "/h", XDGConfigHome: "/x"}, "/x/cluster-api", "/h/.cluster-api"},
		{overrides.Environment{GOOS: "windows", Home: "/h", LocalAppData: "/l"}, "/l/cluster-api", "/h/.cluster-api"},
	} {
		current, old := test.e.Folders()
		if current != test.current || old != test.mine {
			t.Errorf("%+v: %s, %s", test.e, current, old)
		}
	}
}

func TestFileURL(t *testing.T) {
	for in, want := range map[string]string{
		"/opt/airgap/x.yaml":        "file:///opt/airgap/x.yaml",
		"/a b/c#d?e%f/x.yaml":       "file:///a%20b/c%23d%3Fe%25f/x.yaml",
		"/${HOME}/$$/x":             "file:///%24%7BHOME%7D/%24%24/x",
		"/[a], {b}: &c *d @e =f 'g": "file:///%5Ba%5D%2C%20%7Bb%7D:%20%26c%20%2Ad%20%40e%20%3Df%20%27g",
		"/ü/x":                      "file:///%C3%BC/x",
		"C:/x y/z.yaml":             "file:///C:/x%20y/z.yaml",
	} {
		if got := overrides.FileURL(filepath.FromSlash(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
