package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kubectl-airgap":          main,
		"clusterctl-airgap":       main,
		"airgap":                  main,
		"kubectl_complete-airgap": main,
		"kubectl":                 func() { asPluginOf("kubectl") },
		"clusterctl":              func() { asPluginOf("clusterctl") },
	})
}

// asPluginOf does what kubectl and clusterctl do with a plugin.
func asPluginOf(host string) {
	os.Args = append([]string{host + "-" + os.Args[1]}, os.Args[2:]...)
	main()
}

// TestScripts runs testdata/script: what users see, one script per behaviour.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               withRegistries,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":       cmdAwait,
			"blob":        cmdBlob,
			"bytes":       cmdBytes,
			"dockersave":  cmdDockersave,
			"examples":    cmdExamples,
			"exits":       cmdExits,
			"flip":        cmdFlip,
			"forget":      cmdForget,
			"memcluster":  cmdMemcluster,
			"memregistry": cmdMemregistry,
			"requests":    cmdRequests,
			"resolve":     cmdResolve,
			"same":        cmdSame,
			"seed":        cmdSeed,
			"serve":       cmdServe,
			"signature":   cmdSignature,
			"sparse":      cmdSparse,
			"spoil":       cmdSpoil,
			"stalled":     cmdStalled,
			"sum":         cmdSum,
			"untar":       cmdUntar,
			"within":      cmdWithin,
		},
		Condition: func(condition string) (bool, error) {
			if condition == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", condition)
		},
	})
}

// exits STATUS PROGRAM [ARG...] runs a program that ends with this status.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// within DURATION PROGRAM [ARG...] runs a program that fails, but soon.
func cmdWithin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: within DURATION PROGRAM [ARG...]")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	start := time.Now()
	if err := ts.Exec(args[1], args[2:]...); err == nil {
		ts.Fatalf("no failure")
	}
	if took := time.Since(start); took > limit {
		ts.Fatalf("it took %v", took)
	}
}

// serve DIR VAR starts a web server for DIR and puts its http://HOST:PORT into
// VAR. Below /private it wants user ann and password s3cret, as the URL in
// PRIVATE_VAR has them; it never ends /slow and sends /large for ever.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve DIR VAR")
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	mux.HandleFunc("/private/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.ServeFile(w, r, ts.MkAbs(args[0])+strings.TrimPrefix(r.URL.Path, "/private"))
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		for line := make([]byte, 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv(args[1], server.URL)
	ts.Setenv("PRIVATE_"+args[1], strings.Replace(server.URL, "://", "://ann:s3cret@", 1)+"/private")
}

// bytes FILE STRING writes a file with what is no text; STRING is what stands
// between double quotes in Go.
func cmdBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bytes FILE STRING")
	}
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// sparse FILE SIZE makes a file of this many bytes that takes no room.
func cmdSparse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sparse FILE SIZE")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o644))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// examples PROGRAM [ARG...] runs every example that the command's help shows, but for those that want a program which may
// not be here: TestHelpExamples has them.
func cmdExamples(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: examples PROGRAM [ARG...]")
	}
	ts.Check(ts.Exec(args[0], append(args[1:], "--help")...))
	_, text, found := strings.Cut(ts.ReadFile("stdout"), "Examples:\n")
	text, _, _ = strings.Cut(text, "\n\nFlags:")
	if !found {
		ts.Fatalf("no examples")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.Contains(line, "--snap") {
			continue
		}
		ts.Logf("> %s", line)
		err := ts.Exec("sh", "-c", line)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 3 {
			continue // it found something, as it should
		}
		ts.Check(err)
	}
}
