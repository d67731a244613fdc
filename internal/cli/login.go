package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
)

// maxPassword is the longest password that is read, in bytes; tokens of clouds have some thousand.
const maxPassword = 1 << 16

// loginFlags are the name and the password that a registry wants. The password
// is no flag's value: those stand in process lists and histories.
type loginFlags struct {
	username      string
	passwordFile  string
	passwordStdin bool
	known         string // the password, once it was read: standard input gives it but once
}

// besides refuses a password from standard input when something else is read from there.
func (f *loginFlags) besides(input *inputFlags, cluster *clusterFlags) error {
	if f.passwordStdin && slices.Contains(slices.Concat(input.filenames, cluster.dumps), "-") {
		return usagef("--password-stdin and what is read from - both want standard input")
	}
	return nil
}

func (f *loginFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.username, "username", "", "the registry wants a password, and this `USER`")
	flags.BoolVar(&f.passwordStdin, "password-stdin", false, "read the password from standard input")
	flags.StringVar(&f.passwordFile, "password-file", "", "read the password from `FILE`")
	completeFiles(cmd, "password-file")
	complete(cmd, "username")
}

// password reads the password from where the flags say, without a line break at
// its end; empty if they say nothing.
func (f *loginFlags) password(stdin io.Reader) (string, error) {
	var text []byte
	var err error
	switch {
	case f.known != "":
		return f.known, nil
	case f.passwordStdin && f.passwordFile != "":
		return "", usagef("--password-stdin and --password-file exclude each other")
	case f.passwordStdin:
		text, err = io.ReadAll(io.LimitReader(stdin, maxPassword))
	case f.passwordFile != "":
		text, err = os.ReadFile(f.passwordFile)
	default:
		return "", nil
	}
	text = bytes.TrimRight(text, "\r\n")
	if err == nil && len(text) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	f.known = string(text)
	return f.known, nil
}
