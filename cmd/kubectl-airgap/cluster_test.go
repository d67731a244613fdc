package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubectl-airgap/kubectl-airgap/internal/clustertest"
)

// memcluster FILE [deny=RESOURCE...] [down=GROUP...] serves the objects of FILE as a cluster in
// memory, and makes a kubeconfig with the context site for it, which KUBECONFIG names.
func cmdMemcluster(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: memcluster FILE [deny=RESOURCE...] [down=GROUP...]")
	}
	c, err := clustertest.New(ts.ReadFile(args[0]))
	ts.Check(err)
	for _, arg := range args[1:] {
		switch what, name, _ := strings.Cut(arg, "="); what {
		case "deny":
			c.Denied[name] = true
		case "down":
			c.Down[name] = true
		default:
			ts.Fatalf("%s: what is that?", arg)
		}
	}
	server := httptest.NewServer(c)
	ts.Defer(server.Close)
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: site
contexts: [{name: site, context: {cluster: site, user: ann, namespace: default}}, {name: gone, context: {cluster: gone, user: ann}}]
clusters: [{name: site, cluster: {server: %q}}, {name: gone, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: ann, user: {}}]
`, server.URL)
	path := ts.MkAbs("kubeconfig")
	ts.Check(os.WriteFile(path, []byte(config), 0o600))
	ts.Setenv("KUBECONFIG", path)
}
