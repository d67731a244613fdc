package overrides

import "slices"

// A Trap is one kind of trouble: what those of it have in common.
type Trap struct {
	Check   string // its name: clusterctl-url, …
	Warning bool   // it does harm only by what cannot be seen from here
	Effect  string // what happens on the site if it is ignored
	Remedy  string // the command, or the act, that mends it; {dir} is the home's folder
}

// The effects that several traps have.
const (
	asksGitHub = "clusterctl asks GitHub: nothing happens for a minute or two, then it fails"
	allFail    = "every command of clusterctl that looks at providers fails"
	initFails  = "clusterctl init and upgrade fail"
	again      = "kubectl airgap overrides -f … --to … -o {dir}, with all files of the release among the inputs"
)

// Traps are all that Verify looks for, by the order in which it does.
func Traps() []Trap { return slices.Clone(traps) }

// The names of the checks.
const (
	trapSecond             = "clusterctl-second-config"
	trapHidden             = "clusterctl-hidden"
	trapEnvironment        = "clusterctl-environment"
	trapNoConfig           = "clusterctl-no-config"
	trapConfig             = "clusterctl-config"
	trapVersionCheck       = "clusterctl-version-check"
	trapImages             = "clusterctl-images"
	trapFolder             = "clusterctl-folder"
	trapMoved              = "clusterctl-moved"
	trapProvider           = "clusterctl-provider"
	trapURL                = "clusterctl-url"
	trapVersion            = "clusterctl-version"
	trapMetadata           = "clusterctl-metadata"
	trapLatest             = "clusterctl-latest"
	trapComponents         = "clusterctl-components"
	trapCertManager        = "clusterctl-cert-manager"
	trapCertManagerVersion = "clusterctl-cert-manager-version"
	trapUndeclared         = "clusterctl-undeclared"
	trapAbsent             = "clusterctl-absent"
	trapContract           = "clusterctl-contract"
	trapMode               = "clusterctl-file-mode"
	trapWritable           = "clusterctl-file-writable"
	trapSyntax             = "clusterctl-file-syntax"
	trapNamespace          = "clusterctl-namespace"
	trapVariables          = "clusterctl-variables"
	trapOutside            = "clusterctl-image-outside"
	trapVariable           = "clusterctl-variable-outside"
	trapUnset              = "clusterctl-variable-unset"
	trapName               = "clusterctl-image-name"
)

// traps are what clusterctl stumbles over (cmd/clusterctl at v1.14.2; what decides is
// the real one in test/e2e).
var traps = []Trap{
	{
		Check:  trapSecond,
		Effect: "clusterctl reads one of the two alone, and may look elsewhere than this site was prepared",
		Remedy: "remove the one that is not wanted",
	},
	{
		Check:  trapHidden,
		Effect: "clusterctl does not read clusterctl.yaml: it knows its built-in providers only, and asks GitHub for them",
		Remedy: "remove it, or say --config {dir}/clusterctl.yaml with every command",
	},
	{
		Check:  trapEnvironment,
		Effect: "clusterctl does not take what the file says, even if the variable is empty: it fails, or asks GitHub",
		Remedy: "unset it where clusterctl runs",
	},
	{
		Check:  trapNoConfig,
		Effect: "clusterctl knows its built-in providers only: " + asksGitHub,
		Remedy: again,
	},
	{
		Check:  trapConfig,
		Effect: "every command of clusterctl fails",
		Remedy: "correct the file",
	},
	{
		Check:  trapVersionCheck,
		Effect: "after every command that succeeded clusterctl looks outside for a newer clusterctl, which takes a minute",
		Remedy: "set CLUSTERCTL_DISABLE_VERSIONCHECK: \"true\" in clusterctl.yaml",
	},
	{
		Check:  trapImages,
		Effect: "clusterctl renames the images once more, to what the private registry does not have",
		Remedy: "remove the section images: the files name the private registry already",
	},
	{
		Check:  trapFolder,
		Effect: "clusterctl does not find the overrides, or others than were meant",
		Remedy: "name the absolute path of the tree in overridesFolder",
	},
	{
		Check:  trapMoved,
		Effect: allFail,
		Remedy: "kubectl airgap overrides --relocate -o {dir}",
	},
	{
		Check:  trapProvider,
		Effect: allFail,
		Remedy: "correct this entry of providers",
	},
	{
		Check:  trapURL,
		Effect: "clusterctl cannot use the provider, or asks GitHub for it",
		Remedy: again,
	},
	{
		Check:  trapVersion,
		Effect: "clusterctl does not find this version, or fails with the newest",
		Remedy: "name the folder vX.Y.Z, as the release is called",
	},
	{
		Check:  trapMetadata,
		Effect: initFails,
		Remedy: again,
	},
	{
		Check:  trapLatest,
		Effect: "clusterctl does not find the provider",
		Remedy: "name the version instead of latest in its url",
	},
	{
		Check:  trapComponents,
		Effect: "clusterctl init, upgrade and generate provider fail",
		Remedy: again,
	},
	{
		Check:  trapCertManager,
		Effect: "clusterctl init fails, or asks GitHub for cert-manager, when it has begun to change the cluster",
		Remedy: again,
	},
	{
		Check: trapCertManagerVersion, Warning: true,
		Effect: "another clusterctl wants another version, and asks GitHub for it",
		Remedy: "set cert-manager.version in clusterctl.yaml",
	},
	{
		Check:  trapUndeclared,
		Effect: asksGitHub + ", although the files are there: it asks for versions first",
		Remedy: again,
	},
	{
		Check:  trapAbsent,
		Effect: "clusterctl init: " + asksGitHub,
		Remedy: again,
	},
	{
		Check:  trapContract,
		Effect: initFails,
		Remedy: "use a release that speaks a contract of this clusterctl, or the clusterctl of its time for all",
	},
	{
		Check:  trapMode,
		Effect: "clusterctl fails where it needs the file",
		Remedy: "give clusterctl's user the right to read it: chmod a+rX",
	},
	{
		Check: trapWritable, Warning: true,
		Effect: "whoever has an account here decides what clusterctl installs in the management cluster",
		Remedy: "chmod o-w",
	},
	{
		Check:  trapSyntax,
		Effect: "clusterctl fails where it needs the file",
		Remedy: again,
	},
	{
		Check:  trapNamespace,
		Effect: "clusterctl init and generate provider fail",
		Remedy: "use the components as the release has them",
	},
	{
		Check:  trapVariables,
		Effect: "clusterctl fails where it needs the file",
		Remedy: "write $${ where no variable of clusterctl is meant",
	},
	{
		Check:  trapOutside,
		Effect: "what clusterctl makes of the file is pulled from outside",
		Remedy: again,
	},
	{
		Check:  trapVariable,
		Effect: "what clusterctl makes of the file is pulled from outside",
		Remedy: "give the variable a value of the private registry, or none",
	},
	{
		Check: trapUnset, Warning: true,
		Effect: "the image is whatever the variable says when clusterctl runs",
		Remedy: "give the variable a value of the private registry in clusterctl.yaml",
	},
	{
		Check:  trapName,
		Effect: "clusterctl init, init list-images and generate provider fail",
		Remedy: "write the whole name of the image: HOST/PATH/NAME:TAG, without variables",
	},
}
