package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
)

// filesToFlags say where the files of an archive go.
type filesToFlags struct {
	url   string
	login loginFlags
}

func (f *filesToFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "files-to", "",
		"send the archive's files, too, with PUT to this `URL`: files/dl.k8s.io/… go to URL/dl.k8s.io/…, as Kubespray's files_repo has them; without --to, only files are sent")
	flags.StringVar(&f.login.username, "files-username", "", "the server of --files-to wants a password, and this `USER`")
	flags.StringVar(&f.login.passwordFile, "files-password-file", "", "read that password from `FILE`")
	flags.BoolVar(&f.login.passwordStdin, "files-password-stdin", false, "read that password from standard input")
	complete(cmd, "files-to")
	complete(cmd, "files-username")
	completeFiles(cmd, "files-password-file")
}

// check refuses flags that make no sense together.
func (f *filesToFlags) check(registry *loginFlags) error {
	switch given := f.login.username != "" || f.login.passwordFile != "" || f.login.passwordStdin; {
	case given && f.url == "":
		return usagef("--files-username and its password are for the server of --files-to: name it")
	case f.login.passwordStdin && f.login.passwordFile != "":
		return usagef("--files-password-stdin and --files-password-file exclude each other")
	case f.login.passwordStdin && registry.passwordStdin:
		return usagef("--password-stdin and --files-password-stdin both want standard input")
	case (f.login.username != "") != (f.login.passwordStdin || f.login.passwordFile != ""):
		return usagef("--files-username and a password (--files-password-stdin or --files-password-file) belong together")
	}
	return nil
}

// pushFiles sends the files of the archive to their server.
func (o *pushOptions) pushFiles(ctx context.Context, streams Streams, a *bundle.Archive) error {
	files, err := cargo.Uploads(a)
	if err != nil {
		return err
	}
	if o.dryRun {
		return printUploads(streams, o.files.url, files)
	}
	opts := download.UploadOptions{Username: o.files.login.username}
	if opts.Password, err = o.files.login.password(streams.In); err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	defer c.close()
	with := download.Options{Proxy: http.ProxyFromEnvironment, Report: c.report}
	if o.access.caFile != "" {
		if with.CA, err = os.ReadFile(o.access.caFile); err != nil {
			return fmt.Errorf("reading a certificate: %w", err)
		}
	}
	client, err := download.New(with)
	if err != nil {
		return err
	}
	done, err := client.Upload(ctx, o.files.url, files, opts)
	c.close()
	if err == nil && !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s: %d sent, %d there already; %s sent\n", count(len(files), "file"), done.Sent, done.Present, progress.Size(done.Bytes))
	}
	return err
}

// printUploads prints what would be sent.
func printUploads(streams Streams, to string, files []download.File) error {
	for _, f := range files {
		if _, err := fmt.Fprintf(streams.Out, "%s/%s   %s\n", strings.TrimRight(download.Shown(to), "/"), f.Path, progress.Size(f.Size)); err != nil {
			return err
		}
	}
	return nil
}
