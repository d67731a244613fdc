//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A browser is one page of a headless Chromium, driven over its debugging pipe:
// messages of JSON, each ended by a NUL byte.
type browser struct {
	t        *testing.T
	to       io.Writer
	messages chan message
	session  string
	id       int
	requests []string // every URL that the page asked for
	faults   []string // exceptions, and what the console and the security policy complained of
	loaded   bool
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

type values = map[string]any

// startBrowser starts a Chromium, which ends with the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	needTool(t, "chromium")
	toRead, to := pipe(t)
	from, toWrite := pipe(t)
	home := t.TempDir()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
		"--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
		"--hide-scrollbars", "--user-data-dir="+home)
	cmd.ExtraFiles = []*os.File{toRead, toWrite} // 3 and 4
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toRead.Close()
	toWrite.Close()
	b := &browser{t: t, to: to, messages: make(chan message)}
	go readMessages(from, b.messages)
	t.Cleanup(func() {
		b.t, b.session = t, ""
		b.call("Browser.close", nil, nil) // killed, it would leave processes that still write into home
		_ = cmd.Wait()
		to.Close()
		for range 50 { // its children end after it
			if os.RemoveAll(home) == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", values{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", values{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Accessibility"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func readMessages(from io.Reader, to chan<- message) {
	defer close(to)
	for in := bufio.NewReaderSize(from, 1<<20); ; {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) == nil {
			to <- m
		}
	}
}

// call asks the browser for one thing and waits for the answer.
func (b *browser) call(method string, params values, result any) {
	b.t.Helper()
	b.id++
	ask := values{"id": b.id, "method": method}
	if params != nil {
		ask["params"] = params
	}
	if b.session != "" {
		ask["sessionId"] = b.session
	}
	text, err := json.Marshal(ask)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	want := b.id
	b.until(method, func(m message) bool {
		if m.ID != want {
			return false
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return true
	})
}

// until takes messages, notes what the page did, and ends with the one that is wanted.
func (b *browser) until(what string, wanted func(message) bool) {
	b.t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		select {
		case m, ok := <-b.messages:
			if !ok {
				b.t.Fatalf("%s: chromium ended", what)
			}
			b.note(m)
			if wanted(m) {
				return
			}
		case <-patience:
			b.t.Fatalf("%s: chromium does not answer", what)
		}
	}
}

func (b *browser) note(m message) {
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		_ = json.Unmarshal(m.Params, &p)
		b.requests = append(b.requests, p.Request.URL)
	case "Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening":
		b.faults = append(b.faults, m.Method+" "+string(m.Params))
	}
}

// A view is how somebody looks at a page.
type view struct {
	width    int // CSS pixels
	dark     bool
	noScript bool
}

func (v view) String() string {
	name := fmt.Sprintf("%d-light", v.width)
	if v.dark {
		name = fmt.Sprintf("%d-dark", v.width)
	}
	if v.noScript {
		name += "-noscript"
	}
	return name
}

// open loads a file as if it lay on the disk of the reader.
func (b *browser) open(path string, v view) {
	b.t.Helper()
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	b.call("Emulation.setDeviceMetricsOverride", values{"width": v.width, "height": 900, "deviceScaleFactor": 1, "mobile": v.width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", values{"features": []values{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil)
	b.call("Emulation.setScriptExecutionDisabled", values{"value": v.noScript}, nil)
	b.requests, b.faults, b.loaded = nil, nil, false
	b.call("Page.navigate", values{"url": "file://" + path}, nil)
	if !b.loaded {
		b.until("loading "+path, func(message) bool { return b.loaded })
	}
}

// eval gives what an expression of JavaScript comes to in the page, into result.
func (b *browser) eval(expression string, result any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", values{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%.200s: %s", expression, answer.ExceptionDetails)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result.Value, result); err != nil {
			b.t.Fatalf("%.200s: %v: %s", expression, err, answer.Result.Value)
		}
	}
}

// shoot leaves a picture of the whole page, and of its print, in the folder that
// REPORT_SHOTS names, for people to look at.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("REPORT_SHOTS")
	if dir == "" {
		return
	}
	var shot struct{ Data []byte }
	b.call("Page.captureScreenshot", values{"format": "png", "captureBeyondViewport": true}, &shot)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// print is the page on A4 paper, as PDF.
func (b *browser) print() []byte {
	b.t.Helper()
	var pdf struct{ Data []byte }
	b.call("Page.printToPDF", values{"preferCSSPageSize": true}, &pdf)
	return pdf.Data
}
