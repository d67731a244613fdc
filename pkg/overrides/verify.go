package overrides

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/drone/envsubst/v2"
	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// HomeOptions say which home Verify looks at, and what decides beside it.
type HomeOptions struct {
	// Dir is the folder of clusterctl.yaml; empty means the one that clusterctl uses
	// by itself, which Environment says.
	Dir string
	// Config is a clusterctl.yaml that lies elsewhere than in Dir, or has another name.
	Config string
	// Environment is what clusterctl derives its own folder from. Its zero value means
	// that clusterctl is told by --config.
	Environment Environment
	// Environ is the environment that clusterctl will run in, as os.Environ gives it.
	Environ []string
	// Mapping says which images are at the private registry; the zero Mapping means
	// that nothing is known of it, and images are not looked at.
	Mapping image.Mapping
	// Least is how sure detection must be of an image, as in rewrite.Options.
	Least manifest.Confidence
}

// A Trouble is one thing that clusterctl would stumble over in its home, or by which it
// would reach outside.
type Trouble struct {
	Trap
	Place   string // file:line:column, a path, or a variable as $NAME
	Image   string // the image that it is about, if it is about one
	Problem string // what is wrong, a sentence without the place
}

// Verify finds what keeps clusterctl from working without internet, in the home that is
// there: clusterctl.yaml, the tree that it leads to, and the environment. It does as
// clusterctl does, but neither runs it nor changes anything. Troubles are in the order
// of clusterctl.yaml and then of the tree; an error means that they are not all.
func Verify(ctx context.Context, opts HomeOptions) ([]Trouble, error) {
	v, err := newVerifier(ctx, opts)
	if err != nil {
		return nil, err
	}
	for _, name := range overridden(opts.Environ) {
		v.add(trapEnvironment, "$"+name, "it is set, and clusterctl takes it instead of the key in %s", v.name)
	}
	if !v.read() {
		return v.troubles, nil
	}
	v.checkVersionCheck()
	err = v.readImages(ctx)
	if err != nil {
		return nil, err
	}
	v.findFolder()
	v.checkProviders(ctx)
	v.checkCertManager()
	v.checkUndeclared()
	v.checkContracts()
	err = v.checkFiles(ctx)
	return v.troubles, err
}

// newVerifier finds out which home is meant.
func newVerifier(ctx context.Context, opts HomeOptions) (*verifier, error) {
	catalogue, err := NewCatalogue(ctx)
	if err != nil {
		return nil, err
	}
	v := &verifier{Catalogue: catalogue, opts: opts, environ: map[string]string{}}
	for _, variable := range opts.Environ {
		name, value, _ := strings.Cut(variable, "=")
		v.environ[name] = value
	}
	return v, v.find()
}

// A verifier collects the troubles of one home.
type verifier struct {
	*Catalogue
	opts    HomeOptions
	environ map[string]string
	own     bool   // clusterctl finds the configuration by itself
	name    string // of clusterctl.yaml, as the user has it
	root    *yaml.Node
	layer   layer
	// alter is what the section images makes of the image of a component.
	alter    func(component, image string) (string, error)
	altered  bool // it is reported already
	entries  []entry
	unread   bool // the list of providers cannot be read
	releases []verified
	troubles []Trouble
}

// add reports a trouble of one of the traps; the remedy is told the home's folder.
func (v *verifier) add(check, place, format string, args ...any) *Trouble {
	trap := traps[slices.IndexFunc(traps, func(t Trap) bool { return t.Check == check })]
	trap.Remedy = strings.ReplaceAll(trap.Remedy, "{dir}", v.opts.Dir)
	v.troubles = append(v.troubles, Trouble{Trap: trap, Place: place, Problem: fmt.Sprintf(format, args...)})
	return &v.troubles[len(v.troubles)-1]
}

// at is the place of a node of clusterctl.yaml.
func (v *verifier) at(n *yaml.Node) string {
	if n == nil || n.Line == 0 {
		return v.name
	}
	return fmt.Sprintf("%s:%d:%d", v.name, n.Line, n.Column)
}

// find says which configuration clusterctl reads, and what stands beside it.
func (v *verifier) find() error {
	known := v.opts.Environment.Home != ""
	if v.opts.Dir == "" {
		if !known {
			return errors.New("which home of clusterctl is meant: there is neither a folder nor the user's home directory")
		}
		v.opts.Dir, _ = v.opts.Environment.Folder()
	}
	v.name = v.opts.Config
	if v.name == "" {
		v.name = filepath.Join(v.opts.Dir, ConfigName)
		if names := configs(v.opts.Dir); slices.Contains(names, "clusterctl.yml") && !slices.Contains(names, ConfigName) {
			v.name = filepath.Join(v.opts.Dir, "clusterctl.yml")
		}
	}
	var current, old string
	if known {
		current, old = v.opts.Environment.Folders()
		dir := absolute(filepath.Dir(v.name))
		v.own = dir == absolute(current) || dir == absolute(old)
		v.findSecond(dir, current, old)
	}
	if !v.own {
		return nil // with --config it is read whatever lies beside it
	}
	for _, path := range hiding(v.name) {
		v.add(trapHidden, path, "it is there as well, and clusterctl takes it instead of %s", filepath.Base(v.name))
	}
	return nil
}

// findSecond looks for a second configuration where clusterctl looks by itself.
func (v *verifier) findSecond(dir, current, old string) {
	inCurrent, inOld := configs(current), configs(old)
	if !v.own || len(inCurrent) == 0 || len(inOld) == 0 || absolute(current) == absolute(old) {
		return
	}
	if dir == absolute(old) {
		v.add(trapSecond, v.name, "clusterctl does not read it, as there is %s", filepath.Join(current, inCurrent[0]))
		return
	}
	v.add(trapSecond, filepath.Join(old, inOld[0]), "clusterctl does not read it, as there is %s", filepath.Join(current, inCurrent[0])).Warning = true
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// errorLine is how the YAML parser says where something is wrong.
var errorLine = regexp.MustCompile(`line (\d+): (.*)`)

// read reads clusterctl.yaml, and says whether there is something to go on with.
func (v *verifier) read() bool {
	text, err := os.ReadFile(v.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.add(trapNoConfig, v.name, "it is not there")
		return false
	case err != nil:
		v.add(trapMode, v.name, "it cannot be read: %v", reason(err))
		return false
	}
	var doc yaml.Node
	var keys map[string]any
	if err := errors.Join(yaml.Unmarshal(text, &doc), yaml.Unmarshal(text, &keys)); err != nil {
		place, problem := v.name, err.Error()
		if m := errorLine.FindStringSubmatch(problem); m != nil {
			place, problem = place+":"+m[1]+":1", m[2]
		}
		v.add(trapConfig, place, "clusterctl cannot read it: %s", problem)
		return false
	}
	v.root = &yaml.Node{Kind: yaml.MappingNode}
	if len(doc.Content) > 0 && doc.Content[0].Kind == yaml.MappingNode {
		v.root = doc.Content[0]
	}
	return true
}

// reason is why a file could not be used, without its path.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// value is the value of a key of mapping, also where it is an alias. It is nil for
// null, which viper takes for no value.
func value(mapping *yaml.Node, key string) *yaml.Node {
	n := child(mapping, key)
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Tag == "!!null" {
		return nil
	}
	return n
}

// text is the value of a scalar, empty if there is none.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// getenv is the value of a variable of the environment that clusterctl will have.
func (v *verifier) getenv(name string) string { return v.environ[name] }

// expand fills in variables of the environment, as clusterctl does in URLs and folders.
func (v *verifier) expand(s string) (string, error) {
	out, err := envsubst.Eval(s, v.getenv)
	if err != nil {
		return "", fmt.Errorf("clusterctl cannot fill in its variables: %w", err)
	}
	return out, nil
}

func (v *verifier) windows() bool {
	if v.opts.Environment.GOOS != "" {
		return v.opts.Environment.GOOS == "windows"
	}
	return runtime.GOOS == "windows"
}

// checkVersionCheck looks for the key that keeps clusterctl from asking for a newer
// version of itself. Any other word than true does not count.
func (v *verifier) checkVersionCheck() {
	if _, ok := v.environ[versionCheck]; ok {
		return // true, or reported with the environment
	}
	n := value(v.root, versionCheck)
	switch {
	case n == nil:
		v.add(trapVersionCheck, v.name, "it does not say %s: \"true\"", versionCheck)
	case n.Tag == "!!bool" && strings.EqualFold(n.Value, "true") || n.Value == "true":
	default:
		v.add(trapVersionCheck, v.at(n), "%s is %q, and only the word true counts", versionCheck, n.Value)
	}
}
