package site_test

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// What says too little of a chart, or too much, is told with its place.
func TestChartsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"charts: [oci://r.example/c/b]":                                          "3:10: say which version of the chart, once",
		"charts: [{from: 'oci://r.example/c/b:1.0.0', version: 1.0.0}]":          "3:10: say which version of the chart, once",
		"charts: [{from: 'oci://r.example/c', name: b, version: 1.0.0}]":         "3:10: a chart in a registry has its name in its reference",
		"charts: [{from: https://h, name: b}]":                                   "3:10: say which version of the chart: what is the latest",
		"charts: [{from: https://h/b.tgz, version: 1.0.0}]":                      "3:10: a version is for a chart in a repository",
		"charts: [{name: b, version: 1.0.0}]":                                    "3:10: from is missing",
		"charts: [{from: 'oci://r.example/C D:1'}]":                              "3:10: ",
		"charts: [ftp://h/b.tgz]":                                                "3:10: a URL begins with",
		"charts: [a.tgz, a.tgz]":                                                 "3:17: the chart a.tgz is there already",
		"fileLists: ['ftp://h/files.list']":                                      "3:13: a URL begins with",
		"filesURL: files":                                                        "3:11: a URL begins with",
		"charts: [{from: https://h, name: b, version: 1.0.0, sha256: xyz}]":      "3:61: ",
		"charts: [{from: https://h, name: ../b, version: 1.0.0}]":                "3:34: ",
		"charts: [{from: https://h, name: b, version: 1.0.0, digest: sha256:1}]": "3:53: there is no key",
	} {
		_, err := site.Parse("airgap.yaml", []byte(head+text+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "airgap.yaml:"+want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
