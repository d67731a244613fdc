package containerd

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// hostSettings is what a hosts.toml says of one registry.
type hostSettings struct {
	Capabilities []string       `toml:"capabilities"`
	CA           any            `toml:"ca"`     // a path, or several
	Client       any            `toml:"client"` // a path, several, or pairs of them
	SkipVerify   *bool          `toml:"skip_verify"`
	Header       map[string]any `toml:"header"`
	OverridePath bool           `toml:"override_path"`
	DialTimeout  any            `toml:"dial_timeout"`
}

// A hostsToml is a hosts.toml: the registries that are tried in turn, and at the end the
// server, whose settings stand at the root. containerd reads it with the same library,
// from 2.0 on, so that both take the same for an error.
type hostsToml struct {
	hostSettings
	Server string                  `toml:"server"`
	Host   map[string]hostSettings `toml:"host"`
}

// A host is a registry that containerd may ask.
type host struct {
	written            string // its URL
	scheme, host, path string
	resolve, pull      bool // what its capabilities are
	ca                 []string
	client             [][2]string // certificate and key; without a key both stand in one
	skipVerify         *bool
	headers            []string
	dialTimeout        time.Duration
	overridePath       bool
	place              string // where it is written, empty for what containerd does by itself
	unknown            bool   // a variable decides who it is
	asWritten          bool   // HTTP is HTTP, whatever is said of TLS
}

// tls says that something is said of TLS.
func (h *host) tls() bool { return h.ca != nil || h.client != nil || h.skipVerify != nil }

// A hostsReader makes hosts of one hosts.toml.
type hostsReader struct {
	release release
	dir     string // on the node
	file    file
	at      tomlIndex
	doc     hostsToml
}

// An offsetError is what is wrong at a byte of a file.
type offsetError struct {
	offset int
	reason string
}

func (e *offsetError) Error() string { return e.reason }

// readHosts gives the hosts in the order in which they are tried, the server last, or the
// *offsetError that keeps containerd from reading the file.
func readHosts(dir string, f file, release release) (*hostsReader, []host, error) {
	f.content = tomlText(f.content, release)
	r := &hostsReader{release: release, dir: dir, file: f}
	if err := toml.Unmarshal([]byte(f.content), &r.doc); err != nil {
		return r, nil, syntaxError(f.content, err)
	}
	r.at = indexToml(f.content)
	order, err := r.order()
	if err != nil {
		return r, nil, err
	}
	var hosts []host
	for _, name := range order {
		h, err := r.host(name, r.doc.Host[name], "host", name)
		if err != nil {
			return r, nil, err
		}
		hosts = append(hosts, h)
	}
	server, err := r.host(r.doc.Server, r.doc.hostSettings)
	if err != nil {
		return r, nil, err
	}
	server.place = f.name
	if offset, ok := r.at.find("server"); ok {
		server.place = f.place(offset)
	}
	return r, append(hosts, server), nil
}

// tomlText is the text that a release reads: before 2.0 it reads over a byte order mark.
func tomlText(content string, release release) string {
	if rest, ok := strings.CutPrefix(content, yamltree.ByteOrderMark); ok && release.major() < 2 {
		return strings.Repeat(" ", len(yamltree.ByteOrderMark)) + rest
	}
	return content
}

// syntaxError gives an error of the TOML parser its place.
func syntaxError(content string, err error) *offsetError {
	decode, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return &offsetError{0, reasonOf(err)}
	}
	line, column := decode.Position()
	offset := lineOffset(content, line) + column - 1
	return &offsetError{offset, reasonOf(err) + unquotedHint(content, line)}
}

// reasonOf is what the TOML parser says, without what it says of Go.
func reasonOf(err error) string {
	reason := strings.TrimPrefix(err.Error(), "toml: ")
	decode, ok := errors.AsType[*toml.DecodeError](err)
	kinds := regexp.MustCompile(`^cannot (?:decode|store) (?:a )?TOML (\S+) (?:in|in)to .* of type (\S+)$`).FindStringSubmatch(reason)
	if !ok || kinds == nil {
		return reason
	}
	key := decode.Key()
	return fmt.Sprintf("%s is of type %s, not %s", key[max(len(key)-1, 0):], kinds[1], kinds[2])
}

// unquotedHint tells of a string without quotes, which TOML's errors do not say.
func unquotedHint(content string, line int) string {
	text := content[lineOffset(content, line):]
	text, _, _ = strings.Cut(text, "\n")
	key, value, ok := strings.Cut(text, "=")
	value = strings.TrimSpace(value)
	if !ok || value == "" || !slices.Contains([]string{"server", "ca", "client", "dial_timeout"}, strings.TrimSpace(key)) || strings.ContainsAny(value[:1], `"'[`) {
		return ""
	}
	return ": the value of " + strings.TrimSpace(key) + " needs quotes"
}

// order gives the names of the hosts in the order in which they are tried.
func (r *hostsReader) order() ([]string, error) {
	if r.release.orderByTables() {
		return r.at.tables("host"), nil
	}
	if _, ok := r.at.find("host"); !ok && r.release.needsHost() {
		return nil, &offsetError{0, "it has no [host.\"…\"], without which containerd before 1.7.32 cannot read it"}
	}
	return r.at.children("host"), nil
}

// host makes a host of its URL, as it is written, and settings at a place in the file.
func (r *hostsReader) host(written string, s hostSettings, keys ...string) (host, error) {
	h := host{written: written, skipVerify: s.SkipVerify, overridePath: s.OverridePath}
	if offset, ok := r.at.find(keys...); ok {
		h.place = r.file.place(offset)
	}
	fail := func(key string, err error) (host, error) {
		offset, ok := r.at.find(append(slices.Clone(keys), key)...)
		if !ok {
			offset, _ = r.at.find(keys...)
		}
		return host{}, &offsetError{offset, err.Error()}
	}
	if err := h.locate(written); err != nil {
		return fail("server", err)
	}
	if err := h.able(s.Capabilities, r.release); err != nil {
		return fail("capabilities", err)
	}
	var err error
	if h.ca, err = r.paths(s.CA, "ca"); err != nil {
		return fail("ca", err)
	}
	if h.client, err = r.pairs(s.Client); err != nil {
		return fail("client", err)
	}
	if h.headers, err = headerNames(s.Header); err != nil {
		return fail("header", err)
	}
	if h.dialTimeout, err = r.timeout(s.DialTimeout); err != nil {
		return fail("dial_timeout", err)
	}
	return h, nil
}

// locate reads the URL of a host. The path of the API is below /v2, which is put at the
// end unless the file overrides it.
func (h *host) locate(written string) error {
	if written == "" {
		return nil
	}
	masked, restore := maskVariables(written)
	h.unknown = masked != written
	if !strings.HasPrefix(masked, "http") {
		if strings.HasPrefix(written, "${") && strings.Contains(written, "://") {
			return nil // the scheme is a variable
		}
		masked = "https://" + masked
	}
	u, err := url.Parse(masked)
	if err != nil {
		return fmt.Errorf("%q is no URL", written)
	}
	h.scheme, h.host, h.path = u.Scheme, restore(u.Host), u.Path
	if h.path != "" {
		h.path = path.Clean(h.path)
	}
	if !h.overridePath && !strings.HasSuffix(h.path, "/v2") {
		h.path += "/v2"
	}
	h.path = restore(path.Join("/", h.path))
	return nil
}

// able reads capabilities; none are all.
func (h *host) able(capabilities []string, release release) error {
	h.resolve, h.pull = len(capabilities) == 0, len(capabilities) == 0
	for _, c := range capabilities {
		switch strings.ToLower(c) {
		case "pull":
			h.pull = true
		case "resolve":
			h.resolve = true
		case "push":
		case "referrers":
			if !release.referrers() {
				return errors.New(`the capability "referrers" is unknown to containerd before 2.2`)
			}
		default:
			return fmt.Errorf("the capability %q is unknown: there are pull, resolve and push", c)
		}
	}
	return nil
}

func (r *hostsReader) path(s string) string {
	if path.IsAbs(s) {
		return path.Clean(s)
	}
	return path.Join(r.dir, s)
}

// paths reads a path or a list of some.
func (r *hostsReader) paths(v any, key string) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{r.path(v)}, nil
	case []any:
		list := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("an item of %s is no string", key)
			}
			list[i] = r.path(s)
		}
		return list, nil
	}
	return nil, fmt.Errorf("%s is neither a string nor a list of strings", key)
}

// pairs reads client: a path, or a list of paths and pairs.
func (r *hostsReader) pairs(v any) ([][2]string, error) {
	list, ok := v.([]any)
	if !ok {
		one, err := r.paths(v, "client")
		if len(one) == 0 || err != nil {
			return nil, err
		}
		return [][2]string{{one[0], ""}}, nil
	}
	var pairs [][2]string
	for _, item := range list {
		files, err := r.paths(item, "client")
		if err != nil {
			return nil, err
		}
		pair := [2]string{}
		if _, several := item.([]any); several && len(files) != 2 || len(files) == 0 {
			return nil, errors.New("a pair of client has a certificate and a key")
		}
		copy(pair[:], files)
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

func headerNames(header map[string]any) ([]string, error) {
	var names []string
	for name, v := range header {
		list, several := v.([]any)
		if _, one := v.(string); !one && !several {
			return nil, fmt.Errorf("the header %q is neither a string nor a list of strings", name)
		}
		for _, item := range list {
			if _, ok := item.(string); !ok {
				return nil, fmt.Errorf("an item of the header %q is no string", name)
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (r *hostsReader) timeout(v any) (time.Duration, error) {
	if v == nil || v == "" || !r.release.dialTimeout() {
		return 0, nil
	}
	s, ok := v.(string)
	if !ok {
		return 0, errors.New(`dial_timeout is no string, as "5s" is`)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf(`dial_timeout %q is no duration, as "5s" is`, s)
	}
	return d, nil
}
