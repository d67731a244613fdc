package overrides

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Environment is what clusterctl derives its own folder from.
type Environment struct {
	GOOS          string
	Home          string // the user's home directory
	XDGConfigHome string // of the variable, may be empty
	LocalAppData  string // of the variable on Windows
}

// Folders are where clusterctl looks for its configuration: in the first, and if that
// holds none in the second (cmd/clusterctl/client/config/reader_viper.go and
// adrg/xdg's paths of each system).
func (e Environment) Folders() (current, old string) {
	base := filepath.Join(e.Home, ".config")
	switch {
	case filepath.IsAbs(e.XDGConfigHome):
		base = e.XDGConfigHome
	case e.GOOS == "windows":
		base = e.LocalAppData
	case e.GOOS == "darwin":
		base = filepath.Join(e.Home, "Library", "Application Support")
	}
	return filepath.Join(base, "cluster-api"), filepath.Join(e.Home, ".cluster-api")
}

// Folder is the folder whose configuration clusterctl uses. The sentence, if any, says
// that there is another one, which it does not.
func (e Environment) Folder() (dir, note string) {
	current, old := e.Folders()
	inCurrent, inOld := configs(current), configs(old)
	switch {
	case len(inOld) == 0:
		return current, ""
	case len(inCurrent) == 0:
		return old, ""
	}
	return current, fmt.Sprintf("%s: clusterctl does not read it, as there is %s", filepath.Join(old, inOld[0]), filepath.Join(current, inCurrent[0]))
}

// extensions are those of the configuration, in the order in which viper looks for them.
var extensions = []string{"json", "toml", "yaml", "yml", "properties", "props", "prop", "hcl", "tfvars", "dotenv", "env", "ini"}

// configs are the names of the configurations in dir, the one that is read first.
func configs(dir string) []string {
	var names []string
	for _, extension := range extensions {
		name := "clusterctl." + extension
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			names = append(names, name)
		}
	}
	return names
}

// Hidden gives a sentence for every file beside a clusterctl.yaml that clusterctl
// reads in its place, if it is not told otherwise by --config.
func Hidden(config string) []string {
	var found []string
	for _, path := range hiding(config) {
		found = append(found, fmt.Sprintf("%s: clusterctl reads it instead of %s: remove it", path, ConfigName))
	}
	return found
}

// hiding are the files that clusterctl reads in place of config, a clusterctl.yaml.
func hiding(config string) []string {
	var found []string
	if filepath.Base(config) != ConfigName {
		return nil
	}
	for _, name := range configs(filepath.Dir(config)) {
		if name == ConfigName {
			break
		}
		found = append(found, filepath.Join(filepath.Dir(config), name))
	}
	return found
}

// overriding are the variables of the environment that replace a key of the
// configuration, even empty (viper's AutomaticEnv and AllowEmptyEnv).
var overriding = []string{"CERT_MANAGER", "IMAGES", "OVERRIDESFOLDER", "PROVIDERS"}

// versionCheck is the key that spares a minute of looking for a newer clusterctl after
// each command. It has to be the word true (cmd/clusterctl/cmd/root.go).
const versionCheck = "CLUSTERCTL_DISABLE_VERSIONCHECK"

// Overriding gives a sentence for every variable in environ, as os.Environ gives it,
// that would keep clusterctl from what Configure writes.
func Overriding(environ []string) []string {
	var found []string
	for _, name := range overridden(environ) {
		found = append(found, fmt.Sprintf("%s in the environment: clusterctl takes it instead of the key in %s, even if it is empty: unset it", name, ConfigName))
	}
	return found
}

// overridden are the names of the variables that Overriding is about, sorted.
func overridden(environ []string) []string {
	var found []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if slices.Contains(overriding, name) || name == versionCheck && value != "true" {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}
