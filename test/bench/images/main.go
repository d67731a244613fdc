// Images fills a registry with synthetic images, and prints their names in it:
//
//	go run ./test/bench/images 127.0.0.1:5000 cluster|small
//
// It stands in where the workload of ../shared/tools is absent.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: images HOST:PORT cluster|small")
		os.Exit(2)
	}
	set := synthetic.Small(500)
	if os.Args[2] == "cluster" {
		set = synthetic.Cluster(39, 20_000_000)
	}
	registry := synthetic.Registry{URL: "http://" + os.Args[1], Client: http.DefaultClient}
	if err := registry.Fill(context.Background(), "", set); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, image := range set {
		fmt.Printf("%s/%s\n", os.Args[1], image.Name)
	}
}
