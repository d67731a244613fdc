// Command release makes what is published of one version: the program for all
// platforms in archives as krew wants them, what each is made of, the man pages, the
// manifest for krew, and checksums of it all.
//
//	make release VERSION=v0.1.0
//
// The same sources give the same bytes: with the Go that is named below, without cgo,
// without paths of the machine, and with the time of the commit wherever a time is
// asked for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// goVersion makes releases: another one would give other bytes.
const goVersion = "go1.26.8"

// A release is one version of the program.
type release struct {
	Version  string // as v1.2.3
	Commit   string // as git names it, or empty
	Time     time.Time
	Archives []archive

	out  string   // the folder it goes to
	only []string // the platforms it is for, all if there are none
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	version := flag.String("version", "", "the `VERSION` to release, as v1.2.3")
	out := flag.String("o", "dist", "the `DIR` that everything goes to; it is emptied before")
	only := flag.String("only", "", "make archives for these platforms alone, as `OS/ARCH,…`: for tests, as the manifest for krew then lacks the others")
	anyGo := flag.Bool("any-go", false, "take any Go, though the bytes differ from those of "+goVersion)
	flag.Parse()
	if err := run(ctx, *version, *out, strings.FieldsFunc(*only, func(r rune) bool { return r == ',' }), *anyGo); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be undone
	}
}

var semver = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func run(ctx context.Context, version, out string, only []string, anyGo bool) error {
	if !semver.MatchString(version) {
		return fmt.Errorf("%q is no version: name one with VERSION=v1.2.3", version)
	}
	if got, err := output(ctx, "go", "env", "GOVERSION"); err != nil {
		return err
	} else if got != goVersion && !anyGo {
		return fmt.Errorf("releases are made with %s, this is %s", goVersion, got)
	}
	r := &release{Version: version, out: out, only: only}
	r.Commit, r.Time = revision(ctx)
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.build, r.bills, r.manPages, r.krew, r.checksums} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.list()
}

// revision is the commit that is released and its time. Where git knows none, as in an
// unpacked archive of the sources, there is no commit and the time is that of Unix.
func revision(ctx context.Context) (string, time.Time) {
	said, err := output(ctx, "git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return "", time.Unix(0, 0)
	}
	commit, seconds, _ := strings.Cut(said, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return "", time.Unix(0, 0)
	}
	return commit, time.Unix(n, 0)
}

// output runs a command and gives what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(said)), nil
}

// list prints what was made.
func (r *release) list() error {
	entries, err := os.ReadDir(r.out)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			fmt.Printf("%s %.1f MB\n", filepath.Join(r.out, e.Name()), float64(info.Size())/1e6)
		}
	}
	return err
}
