package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A choice is the value of a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

// chooseFlag adds a flag that takes one of words, by default the first. Its
// shorthand may be empty.
func chooseFlag[Word ~string](cmd *cobra.Command, c *choice, name, shorthand, usage string, words ...Word) {
	for _, word := range words {
		c.words = append(c.words, string(word))
	}
	c.value = c.words[0]
	cmd.Flags().VarP(c, name, shorthand, usage)
	complete(cmd, name, c.words...)
}

// complete makes the shell complete the values of a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	completeWith(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeWith makes the shell ask a function for the flag's values.
func completeWith(cmd *cobra.Command, flag string, words cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, words); err != nil {
		panic(err) // the flag was never added: a slip in this package
	}
}

// completeFiles makes the shell complete the flag's value by files with one of the
// extensions (without the dot), or by any file.
func completeFiles(cmd *cobra.Command, flag string, extensions ...string) {
	if err := cmd.MarkFlagFilename(flag, extensions...); err != nil {
		panic(err) // the flag was never added: a slip in this package
	}
}

// completeDirs makes the shell complete the flag's value by directories.
func completeDirs(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagDirname(flag); err != nil {
		panic(err) // the flag was never added: a slip in this package
	}
}

// String is the word that was chosen.
func (c *choice) String() string { return c.value }

// Set chooses a word.
func (c *choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		return fmt.Errorf("it is one of %s", strings.Join(c.words, ", "))
	}
	c.value = word
	return nil
}

// Type is what help shows as the value.
func (c *choice) Type() string { return strings.Join(c.words, "|") }

// A confidenceFlag says how sure detection has to be.
type confidenceFlag struct{ choice }

func (c *confidenceFlag) addTo(cmd *cobra.Command, verb string) {
	usage := verb + " references of this confidence and above: certain (the schema says so), likely (name and shape say so), possible (the shape only)"
	chooseFlag(cmd, &c.choice, "confidence", "", usage, "likely", "certain", "possible")
}

func (c *confidenceFlag) level() manifest.Confidence {
	for _, level := range []manifest.Confidence{manifest.Possible, manifest.Likely} {
		if c.value == level.String() {
			return level
		}
	}
	return manifest.Certain
}
