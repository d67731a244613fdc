package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

const facts = "../../../shared/facts/kubeadm-images.tsv"

// Every release is as it was read in kubeadm's sources, one by one.
func TestReleasesAreTheFacts(t *testing.T) {
	text, err := os.ReadFile(facts)
	if err != nil {
		t.Skip(err)
	}
	all := rows(string(text))
	if len(all) < 307 || len(all) != len(Versions()) {
		t.Errorf("%d releases, want the %d of the facts, which are 307 or more", len(Versions()), len(all))
	}
	for _, row := range all {
		version, repo, etcd, coredns, custom, pause := row[0], row[1], row[2], row[3], row[4], row[5]
		release, err := Find(mustVersion(version))
		if err != nil {
			t.Error(err)
			continue
		}
		for where, dns := range map[string]string{"": coredns, repo: coredns, "r.example/k8s": custom} {
			base := where
			if base == "" {
				base = repo
			}
			want := []string{base + "/" + etcd, base + "/" + dns, base + "/" + pause}
			for _, name := range []string{"apiserver", "controller-manager", "scheduler", "proxy"} {
				want = append(want, base+"/kube-"+name+":"+version)
			}
			got := sortedNames(release.ImagesIn(Repositories{Image: where}))
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("%s in %q:\n%q, want\n%q", version, where, got, want)
			}
		}
	}
}

func sortedNames(refs []image.Ref, err error) []string {
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, r := range refs {
		names = append(names, r.String())
	}
	slices.Sort(names)
	return names
}

// The table has no hole, and no version twice.
func TestVersionsAreInOrder(t *testing.T) {
	all := Versions()
	if len(all) < 307 {
		t.Errorf("%d versions, want 307 or more", len(all))
	}
	for i, v := range all[1:] {
		last := all[i]
		next := v.Minor == last.Minor && v.Patch == last.Patch+1
		if !next && (v.Minor != last.Minor+1 || v.Patch != 0) {
			t.Errorf("%s follows %s", v, last)
		}
	}
	if all[0].String() != "v1.17.0" || all[len(all)-1] != Newest() {
		t.Errorf("%s to %s, newest %s", all[0], all[len(all)-1], Newest())
	}
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]string{
		"v1.36.3": "v1.36.3", "1.33.1": "v1.33.1", "v1.37.0-rc.1": "v1.37.0-rc.1", "v1.22.17+vmware.1": "v1.22.17+vmware.1",
		"": "", "v1.36": "", "v1": "", "V1.36.3": "", "v1.36.3 ": "", "v1.036.3": "", "v1.36.3.4": "", "v1.36.x": "", "stable": "",
		"v1.36.99999999999999999999": "", "v1.36.-3": "", "v1.36.3-": "", "v1.36.3\n": "",
	} {
		v, err := ParseVersion(s)
		if got := v.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q: %s, %v, want %q", s, got, err, want)
		}
	}
}

func TestFindUnknown(t *testing.T) {
	for s, beyond := range map[string]bool{
		"v1.16.15": false, "v1.17.0-rc.2": false, "v1.17.18": true, "v1.99.0": true, "v2.0.0": true, "v0.36.3": false, "v1.36.3-rc.1": true,
	} {
		_, err := Find(mustVersion(s))
		unknown, ok := errors.AsType[*UnknownVersionError](err)
		if !ok || unknown.Beyond() != beyond || !strings.Contains(err.Error(), s+" is not known") {
			t.Errorf("%s: %v, want an error that says %v", s, err, beyond)
		}
	}
}

func TestImagesInRefusesNoRepository(t *testing.T) {
	release, _ := Find(Newest())
	if _, err := release.ImagesIn(Repositories{Image: "https://r.example"}); err == nil {
		t.Error("https://r.example is taken for a repository")
	}
}

func TestSandboxes(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Sandboxes() {
		seen[s.Image.String()] = true
		if s.By == "" || !strings.HasSuffix(s.Image.Repository, "pause") {
			t.Errorf("%+v", s)
		}
	}
	// What containerd 1.6.20, 1.7.35, 2.1.9, 2.2.9 and 2.4.2 print with `containerd config default`.
	for _, tag := range []string{"3.6", "3.8", "3.10", "3.10.1", "3.10.2"} {
		if !seen["registry.k8s.io/pause:"+tag] {
			t.Errorf("pause %s is not known", tag)
		}
	}
}

func TestAsk(t *testing.T) {
	failed := errors.New("no kubeadm")
	tests := []struct {
		list, version string
		err           error
		want          string
	}{
		{"registry.k8s.io/pause:4\nregistry.k8s.io/etcd:4\n", "v1.99.0\n", nil, "v1.99.0 [registry.k8s.io/etcd:4 registry.k8s.io/pause:4]"},
		{"registry.k8s.io/pause:4\n", "what?", nil, " [registry.k8s.io/pause:4]"},
		{"", "v1.99.0", nil, "kubeadm config images list: it names no image for v1.99.0"},
		{"I am no image!\n", "v1.99.0", nil, `kubeadm config images list: image reference "I"`},
		{"", "", failed, "no kubeadm"},
	}
	for _, test := range tests {
		run := func(_ context.Context, args ...string) (string, error) {
			switch got := strings.Join(args, " "); got {
			case "config images list --kubernetes-version v1.99.0":
				return test.list, test.err
			case "version --output short":
				return test.version, test.err
			default:
				return "", fmt.Errorf("kubeadm %s", got)
			}
		}
		answer, err := Ask(context.Background(), run, mustVersion("1.99.0"))
		got := fmt.Sprint(answer.By, " ", sortedNames(answer.Images, nil))
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
