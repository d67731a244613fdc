//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An outcome is what became of one run of the plugin.
type outcome struct {
	status         int
	stdout, stderr string
}

// plugin prepares a run that knows nothing of the user's own configuration.
func plugin(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "kubectl-airgap"), args...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "DOCKER_CONFIG=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + home}
	cmd.SysProcAttr = dieWithParent()
	return cmd
}

// loggedIn gives a program the logins that docker login leaves for registries.
func loggedIn(t *testing.T, cmd *exec.Cmd, addresses ...string) {
	t.Helper()
	login := base64.StdEncoding.EncodeToString([]byte(carryUser + ":" + carryPassword))
	var auths []string
	for _, address := range addresses {
		auths = append(auths, fmt.Sprintf(`%q:{"auth":%q}`, address, login))
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "config.json"), `{"auths":{`+strings.Join(auths, ",")+`}}`)
	cmd.Env = append(cmd.Env, "DOCKER_CONFIG="+dir)
}

// try runs the plugin, whatever comes of it.
func try(t *testing.T, args ...string) outcome {
	t.Helper()
	return finish(t, plugin(t, args...))
}

func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return outcome{status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// must runs the plugin, which must succeed.
func must(t *testing.T, args ...string) outcome {
	t.Helper()
	o := try(t, args...)
	if o.status != 0 {
		t.Fatalf("kubectl-airgap %s: exit status %d\n%s%s", strings.Join(args, " "), o.status, tail(o.stdout), tail(o.stderr))
	}
	return o
}

// refused runs the plugin, which must fail with status 1 and one short error that says want (a regular expression), and
// that holds no password.
func refused(t *testing.T, want string, args ...string) outcome {
	t.Helper()
	return checkRefusal(t, want, try(t, args...), args...)
}

func checkRefusal(t *testing.T, want string, o outcome, args ...string) outcome {
	t.Helper()
	if o.status != 1 {
		t.Errorf("kubectl-airgap %s: exit status %d, not 1\n%s", strings.Join(args, " "), o.status, tail(o.stderr))
	}
	if !regexp.MustCompile(want).MatchString(o.stderr) {
		t.Errorf("the error does not say %q:\n%s", want, tail(o.stderr))
	}
	if n := strings.Count(o.stderr, "\n"); n > 12 {
		t.Errorf("the error has %d lines:\n%s", n, tail(o.stderr))
	}
	for _, secret := range []string{carryPassword, "Basic ", "Bearer ", "_state="} {
		if strings.Contains(o.stderr+o.stdout, secret) {
			t.Errorf("%q is in the output:\n%s%s", secret, tail(o.stdout), tail(o.stderr))
		}
	}
	return o
}

// from is the flag that fetches every image from a registry which holds it under its full name.
func from(address string) string { return "--source-map=*=" + address + "/{host}" }

// quiet takes what servers say about connections that tests cut.
var quiet = log.New(io.Discard, "", 0)
