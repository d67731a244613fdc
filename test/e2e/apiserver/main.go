// Command apiserver is a Kubernetes API in memory, as much of it as clusterctl talks to:
// discovery, objects of any kind that is built in or has a CustomResourceDefinition,
// label selectors, patches. There are no controllers, no admission and no access control.
//
//	apiserver ADDRESS KUBECONFIG    # writes KUBECONFIG once it listens
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: apiserver ADDRESS KUBECONFIG")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", args[1])
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: e2e
contexts: [{name: e2e, context: {cluster: e2e, user: e2e}}]
clusters: [{name: e2e, cluster: {server: "http://%s"}}]
users: [{name: e2e, user: {}}]
`, listener.Addr())
	if err := os.WriteFile(args[2], []byte(config), 0o600); err != nil {
		return err
	}
	server := http.Server{Handler: newAPI(), ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}
