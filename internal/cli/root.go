// Package cli is the command line: flags in, one call, print. No other package
// knows of flags or writes to a terminal.
package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Streams are where a command reads and writes.
type Streams = genericiooptions.IOStreams

// Main runs the command that args spell (args[0] is the name by which the
// program was called) and gives the exit status.
func Main(ctx context.Context, args []string, build Build, streams Streams) int {
	calledAs, words := completing(args[0], args[1:])
	root := New(calledAs, build, streams)
	root.SetArgs(words)
	cmd, err := root.ExecuteContextC(ctx)
	return report(streams.ErrOut, cmd, err)
}

// completing is what the program is asked when it is called as kubectl_complete-airgap:
// kubectl runs that name, if it is on PATH, when somebody presses the tabulator after
// "kubectl airgap". A link of that name to the program is enough.
func completing(calledAs string, words []string) (string, []string) {
	host, verb, ok := strings.Cut(binaryName(calledAs), "_complete-")
	if !ok {
		return calledAs, words
	}
	return host + "-" + verb, append([]string{cobra.ShellCompRequestCmd}, words...)
}

func binaryName(calledAs string) string {
	return strings.TrimSuffix(filepath.Base(calledAs), ".exe")
}

// New returns the command with all its verbs, for the name by which it is called.
func New(calledAs string, build Build, streams Streams) *cobra.Command {
	binary := binaryName(calledAs)
	root := newRootCmd(binary)
	root.AddCommand(
		newBundleCmd(streams),
		newImagesCmd(streams),
		newInitCmd(streams),
		newLoadCmd(streams),
		newMirrorCmd(streams),
		newNodesCmd(streams),
		newOverridesCmd(streams),
		newPullCmd(streams),
		newPushCmd(streams),
		newRewriteCmd(streams),
		newServeCmd(streams),
		newVerifyCmd(build.Version, streams),
		newVersionCmd(build, streams),
	)
	callExamples(root, displayName(binary))
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	refuseArgs(root)
	return root
}

// callExamples has the examples of a command, and of those below it, call the program
// as the user did.
func callExamples(cmd *cobra.Command, name string) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "kubectl airgap", name)
	for _, below := range cmd.Commands() {
		callExamples(below, name)
	}
}

// refuseArgs makes the commands that cobra adds end with wrong usage where ours do.
func refuseArgs(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Args, cmd.RunE = noVerb, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range cmd.Commands() {
			shell.Args = noArgs
		}
	}
}

func newRootCmd(binary string) *cobra.Command {
	root := &cobra.Command{
		Use:   binary,
		Short: "Take a Kubernetes cluster into a site without internet",
		Long: `Take a Kubernetes cluster into a site without internet: find every image that
its manifests name, carry all of it in one archive, point manifests, clusterctl and
nodes at a private registry, and prove that nothing leads outside.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 checked and something is not as
it should be (the findings were printed).`,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: displayName(binary)},
		Args:        noVerb,
		// What cobra takes for the same when it looks for a command by itself.
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
		RunE:                       showWay,
	}
	root.PersistentFlags().String(configFlag, "", "site `FILE` that says what no flag says (by default airgap.yaml, if it is here)")
	if err := root.MarkPersistentFlagFilename(configFlag, "yaml", "yml"); err != nil {
		panic(err) // the flag was never added: a slip in this function
	}
	root.PersistentFlags().BoolP("quiet", "q", false, "print no sums: only results, findings and errors")
	return root
}

// way is what the program says to somebody who names no command.
const way = `From the internet to a cluster without it:

  kubectl airgap images -f site/                                  see every image that will be pulled
  kubectl airgap pull -f site/ -o site.tar                        carry all of it in one archive
  kubectl airgap push site.tar --to R/P                           fill the private registry
  kubectl airgap rewrite -f site/ --to R/P -o out/                point the manifests there
  kubectl airgap overrides|nodes -f site/ --to R/P -o out/        and clusterctl, and the nodes
  kubectl airgap verify -f out/ --bundle site.tar --to R/P        prove that nothing leads outside

R/P is the private registry with a prefix, such as registry.example.com/airgap.
'kubectl airgap COMMAND --help' has examples; 'kubectl airgap --help' lists all commands.
`

func showWay(cmd *cobra.Command, _ []string) error {
	_, err := fmt.Fprint(cmd.OutOrStdout(), strings.ReplaceAll(way, "kubectl airgap", cmd.DisplayName()))
	return err
}

// isQuiet reads the flag that all commands share.
func isQuiet(cmd *cobra.Command) bool {
	quiet, err := cmd.Flags().GetBool("quiet")
	return err == nil && quiet
}

// displayName is how the user called the plugin of this name: kubectl finds
// kubectl-airgap, clusterctl finds clusterctl-airgap.
func displayName(binary string) string {
	for _, host := range []string{"kubectl", "clusterctl"} {
		if verb, ok := strings.CutPrefix(binary, host+"-"); ok {
			return host + " " + verb
		}
	}
	return binary
}

// noVerb refuses what is no command.
func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return usagef("unknown command %q%s", args[0], hint)
}

// noArgs refuses arguments of a command that takes only flags.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("unexpected argument %q", args[0])
}
