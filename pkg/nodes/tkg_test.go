package nodes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func tkgMirror(t *testing.T, opts Options) Mirror {
	t.Helper()
	m, err := NewMirror(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// An overlaid is what an overlay adds to one kind of objects.
type overlaid struct {
	Files []struct {
		Path, Owner, Permissions, Content string
	} `yaml:"files"`
	Commands []string `yaml:"preKubeadmCommands"`
}

// TestTKG: what the tanzu command line and a cluster's file are told, and what nodes get.
// That ytt applies the overlay is TestTKGOverlay of test/e2e.
func TestTKG(t *testing.T) {
	ca := authority(t)
	m := tkgMirror(t, Options{Registry: "harbor.example:8443/tkg/", CA: ca, Upstreams: []string{"docker.io"}})
	files, err := Format("tkg", m)
	if err != nil {
		t.Fatal(err)
	}
	coded := base64.StdEncoding.EncodeToString(ca)
	const prefix = "TKG_CUSTOM_IMAGE_REPOSITORY"
	want := "#!/bin/sh\n# written by kubectl-airgap\nset -eu\n" +
		"tanzu config set env." + prefix + " harbor.example:8443/tkg\n" +
		"tanzu config set env." + prefix + "_SKIP_TLS_VERIFY false\n" +
		"tanzu config set env." + prefix + "_CA_CERTIFICATE " + coded + "\n"
	if got := string(files[0].Content); got != want || !files[0].Main {
		t.Errorf("%s is\n%s", files[0].Path, got)
	}
	want = "# written by kubectl-airgap\n" + prefix + ": harbor.example:8443/tkg\n" + prefix + "_SKIP_TLS_VERIFY: false\n" + prefix + "_CA_CERTIFICATE: " + coded + "\n"
	if got := string(files[1].Content); got != want {
		t.Errorf("%s is\n%s", files[1].Path, got)
	}
	for kind, o := range overlays(t, files[2]) {
		paths := ""
		for _, f := range o.Files {
			paths += f.Path + " " + f.Permissions + "\n"
		}
		want := "/etc/containerd/certs.d/airgap-ca.crt 0644\n/etc/containerd/certs.d/harbor.example:8443/hosts.toml 0644\n/etc/containerd/airgap-config-path.sh 0755\n"
		if paths != want || o.Files[0].Content != string(ca) || o.Files[2].Content != configPathScript {
			t.Errorf("%s gets the files\n%s", kind, paths)
		}
		if len(o.Commands) != 1 || o.Commands[0] != configPathCommand {
			t.Errorf("%s gets the commands %q", kind, o.Commands)
		}
	}
}

// overlays reads an overlay without what ytt knows, by the kind of objects.
func overlays(t *testing.T, f File) map[string]overlaid {
	t.Helper()
	text := string(f.Content)
	if !strings.HasPrefix(text, "#! ") || strings.Contains(text, "\n# ") {
		t.Errorf("a comment is none for ytt:\n%s", text)
	}
	all := map[string]overlaid{}
	d := yaml.NewDecoder(strings.NewReader(text))
	for _, kind := range []string{"KubeadmControlPlane", "KubeadmConfigTemplate"} {
		var doc struct {
			Spec struct {
				KubeadmConfigSpec overlaid `yaml:"kubeadmConfigSpec"`
				Template          struct{ Spec overlaid }
			}
		}
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		all[kind] = doc.Spec.KubeadmConfigSpec
		if kind == "KubeadmConfigTemplate" {
			all[kind] = doc.Spec.Template.Spec
		}
		if strings.Count(text, `overlay.subset({"kind": "`+kind+`"}), expects="0+"`) != 1 {
			t.Errorf("nothing is for %s", kind)
		}
	}
	return all
}

func TestTKGContainerdConfig(t *testing.T) {
	ca := authority(t)
	files, err := FormatStyle("tkg", StyleContainerdConfig, tkgMirror(t, Options{Registry: "harbor.example/tkg", CA: ca}))
	if err != nil {
		t.Fatal(err)
	}
	const table = `[plugins."io.containerd.grpc.v1.cri".registry.configs."harbor.example".tls]`
	for kind, o := range overlays(t, files[2]) {
		if len(o.Files) != 1 || o.Files[0].Path != "/etc/containerd/harbor.example.crt" || o.Files[0].Permissions != "0444" {
			t.Errorf("%s gets the files %v", kind, o.Files)
		}
		if len(o.Commands) != 1 || !strings.HasPrefix(o.Commands[0], "grep -qF '"+table+"' ") || !strings.Contains(o.Commands[0], `ca_file = "/etc/containerd/harbor.example.crt"`) {
			t.Errorf("%s gets the commands %q", kind, o.Commands)
		}
	}
}

func TestTKGRefuses(t *testing.T) {
	for want, opts := range map[string]Options{
		"knows no plain HTTP": {Registry: "h.example/tkg", PlainHTTP: true},
		"give no credentials": {Registry: "h.example/tkg", Username: "ann", Password: "x"},
	} {
		for _, style := range []Style{StyleHosts, StyleContainerdConfig} {
			if _, err := FormatStyle("tkg", style, tkgMirror(t, opts)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", style, err)
			}
		}
	}
	if _, err := FormatStyle("tkg", StyleContainerdConfig, tkgMirror(t, Options{Registry: "h.example"})); err == nil {
		t.Error("without a CA there is nothing to configure")
	}
	files, err := Format("tkg", tkgMirror(t, Options{Registry: "h.example"}))
	if err != nil || strings.Contains(string(files[0].Content), "CA_CERTIFICATE") || strings.Contains(string(files[1].Content), "CA_CERTIFICATE") {
		t.Errorf("%v: a CA is named that there is not", err)
	}
}

func TestWarnings(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	certificate := func(name string, from, to time.Time, isCA bool) []byte {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to, IsCA: isCA, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	year := 365 * 24 * time.Hour
	var all []byte
	for _, c := range [][]byte{
		certificate("good", now.Add(-year), now.Add(year), true),
		certificate("old", now.Add(-2*year), now.Add(-year), true),
		certificate("new", now.Add(year), now.Add(2*year), true),
		certificate("leaf", now.Add(-year), now.Add(year), false),
	} {
		all = append(all, c...)
	}
	m := tkgMirror(t, Options{Registry: "h.example", CA: all})
	want := `certificate 2 of the CA (CN=old) has expired on 2025-05-01: nodes will not trust the registry
certificate 3 of the CA (CN=new) is not valid before 2027-05-01
certificate 4 of the CA (CN=leaf) is no CA: it can only vouch for a registry whose certificate it is itself`
	if got := strings.Join(m.Warnings(now), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if none := (Mirror{}).Warnings(now); none != nil {
		t.Errorf("%v", none)
	}
}
