// Command kubectl-airgap is a plugin of kubectl and of clusterctl: see the
// package internal/cli for its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cli"
)

// What the linker writes (-X main.version=v1.2.3 -X main.commit=…).
var version, commit string

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	return cli.Main(ctx, os.Args, cli.Build{Version: version, Commit: commit}, streams)
}
