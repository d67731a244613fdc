package verify

import "strings"

// The checks of this package. Checks says what each of them is about.
const (
	CheckManifestOutside  = "manifest-outside"
	CheckManifestPrefix   = "manifest-prefix"
	CheckManifestVariable = "manifest-variable"
	CheckManifestLatest   = "manifest-latest"
	CheckManifestAlways   = "manifest-always"
	CheckManifestSecret   = "manifest-secret"
	CheckManifestUnknown  = "manifest-unknown"
	CheckManifestInvalid  = "manifest-invalid"

	CheckNameOutside = "name-outside"
	CheckNameMissing = "name-missing"
	CheckNameUnknown = "name-unknown"

	CheckRegistryAccess   = "registry-access"
	CheckRegistryTag      = "registry-tag"
	CheckRegistryDigest   = "registry-digest"
	CheckRegistryPlatform = "registry-platform"
	CheckRegistryManifest = "registry-manifest"
	CheckRegistryBlob     = "registry-blob"
	CheckRegistryForeign  = "registry-foreign"

	CheckNodeOutside = "node-outside"
	CheckNodeBroken  = "node-broken"
	CheckNodePatched = "node-patched"
	CheckNodeIgnored = "node-ignored"
	CheckNodeCA      = "node-ca"
	CheckNodeFetch   = "node-fetch"

	CheckArchiveImage     = "archive-image"
	CheckArchiveDamaged   = "archive-damaged"
	CheckArchiveElsewhere = "archive-elsewhere"
)

// checks is the table. A new kind of finding is a row here, in the order in which
// reports list them.
var checks = []Check{
	{
		CheckManifestOutside, Error,
		"the node asks a registry that it cannot reach: the container stays in ImagePullBackOff",
		"kubectl airgap rewrite -f {file} --to {target} --in-place, or a mirror of its registry on every node (kubectl airgap nodes)",
	},
	{
		CheckManifestPrefix, Error,
		"its consumer puts names behind it and asks a registry that cannot be reached",
		"kubectl airgap rewrite -f {file} --to {target} --in-place",
	},
	{
		CheckManifestVariable, Error,
		"whatever the variable holds when it is filled in is pulled, from wherever that is",
		"write the registry {target} in its place, or give the variable a value there before it is verified",
	},
	{
		// A site comes up with latest if it was carried: what defeats it is only known when
		// nodes that pull differ from those that pulled before. Where images are loaded into
		// nodes it keeps containers from starting: that is manifest-always, an error.
		CheckManifestLatest, Warning,
		"nobody can tell which image latest is, nodes may run different ones, and each start asks the registry again",
		"write the tag or the digest that is meant",
	},
	{
		CheckManifestUnknown, Warning,
		"whatever the variable holds when it is filled in is pulled, and nobody has looked whether it is there",
		"give the variable its value (--variable NAME=VALUE), or write what is meant in its place",
	},
	{
		CheckManifestInvalid, Error,
		"the kubelet asks nobody for it: the container stays in InvalidImageName",
		"correct the name: REGISTRY/PATH/NAME:TAG in lower case, without a scheme, blanks or a second tag",
	},
	{
		CheckManifestAlways, Error,
		"the kubelet asks the registry although the image was loaded into the node, and the container does not start without the registry's answer",
		"set imagePullPolicy: IfNotPresent",
	},
	{
		CheckManifestSecret, Error,
		"the registry refuses to give the image to the node: the container stays in ImagePullBackOff",
		"name a secret of the registry in imagePullSecrets of the pod or of its service account, or give the nodes credentials (kubectl airgap nodes --username)",
	},
	{
		CheckNameOutside, Error,
		"no manifest names it, and it is pulled all the same, from a registry that cannot be reached",
		"carry {image} and point its consumer to {target}, or set up a mirror of its registry on every node (kubectl airgap nodes)",
	},
	{
		CheckNameMissing, Error,
		"no manifest names it, it is pulled all the same, and the registry does not have it",
		"kubectl airgap pull --image {image} -o more.tar, then kubectl airgap push more.tar --to {target}",
	},
	{
		CheckNameUnknown, Warning,
		"it starts containers from images that stand in no manifest: what was not carried fails when it is first needed",
		"find its images out, and carry them (kubectl airgap pull --image)",
	},
	{
		CheckRegistryAccess, Error,
		"what cannot be read from here with these credentials cannot be pulled by nodes that have the same",
		"start the registry, correct its address, give its CA (--ca-file) or log in (docker login {place})",
	},
	{
		CheckRegistryTag, Error,
		"whatever asks for it stays in ImagePullBackOff",
		"push it: kubectl airgap push site.tar --to {target}",
	},
	{
		CheckRegistryDigest, Error,
		"the site runs another image than the one that was approved and carried",
		"push what was carried: kubectl airgap push site.tar --to {target}",
	},
	{
		CheckRegistryPlatform, Error,
		"nodes of this platform cannot run it: no match for platform in manifest",
		"carry it for the platform as well: kubectl airgap pull --image {image} --platform …, then push",
	},
	{
		CheckRegistryManifest, Error,
		"the tag is there, and pulling it fails all the same",
		"push it again: kubectl airgap push site.tar --to {target}",
	},
	{
		CheckRegistryBlob, Error,
		"the manifest is there, and pulling fails at this layer or configuration",
		"push it again: kubectl airgap push site.tar --to {target}; if the registry believes to have it, delete the repository there first",
	},
	{
		CheckRegistryForeign, Error,
		"no registry holds these layers: nodes fetch them from the internet, and fail",
		"build the image without foreign layers, or push them into the registry by hand",
	},
	{
		CheckNodeOutside, Error,
		"containerd asks a registry that it cannot reach, and waits for it: pods start late or not at all, and a leak of names where the gap has a hole",
		"write the node's files anew: kubectl airgap nodes --to {target}, or --format hosts",
	},
	{
		CheckNodeBroken, Error,
		"no image of this registry can be pulled on the node",
		"write the node's files anew: kubectl airgap nodes --to {target}, or --format hosts",
	},
	{
		CheckNodePatched, Error,
		"the nodes of every cluster of this class ask registries that they cannot reach, whatever its templates say",
		"kubectl airgap nodes -f {file} --to {target} --in-place, with the templates among the inputs, puts it behind the patch again; where it cannot, it says what to write",
	},
	{
		CheckNodeIgnored, Warning,
		"containerd does something else than what is written there",
		"write the node's files anew: kubectl airgap nodes --to {target}, or --format hosts",
	},
	{
		CheckNodeCA, Error,
		"every pull from the registry fails on the node: x509: certificate signed by unknown authority",
		"write the node's files with the authority that signed the registry's certificate: kubectl airgap nodes --to {target} --ca-file ca.crt",
	},
	{
		// Whether the host is on the site nobody can tell from its name, so it is no error.
		CheckNodeFetch, Warning,
		"what is there is no image and was not carried as one: where the host cannot be reached the node does not join, or the chart is not installed",
		"carry it (kubectl airgap pull --file URL, --chart), serve it on the site (kubectl airgap serve, push --files-to) and write that place, or have it in the node's image",
	},
	{
		CheckArchiveImage, Error,
		"it will not be in the registry after the archive was pushed, and whatever asks for it stays in ImagePullBackOff",
		"put it into the archive: kubectl airgap pull --image {image} beside the rest",
	},
	{
		CheckArchiveDamaged, Error,
		"pushing fails at this content, and what needs it does not come up",
		"copy the archive again, and compare with kubectl airgap bundle check {file}; if it is damaged where it comes from, pull again",
	},
	{
		CheckArchiveElsewhere, Error,
		"the archive leaves this content out as the site was said to have it: pushing fails",
		"pull again with a new inventory of the site (kubectl airgap verify --inventory), or without --have",
	},
}

// Checks gives all kinds of findings in the order in which reports list them.
func Checks() []Check { return append([]Check(nil), checks...) }

// An About says what a finding is about.
type About struct {
	Place   string // file:line:column, a path, an image, an object; where to look
	Image   string // the image, if there is one
	Target  string // the private registry, REGISTRY[/PREFIX]
	Problem string // what is wrong, a sentence without the place
}

// NewFinding is the finding of a check, by its name in Checks.
func NewFinding(check string, about About) Finding {
	for _, c := range checks {
		if c.Name == check {
			return c.Finding(about)
		}
	}
	return Check{Name: check, Severity: Error}.Finding(about)
}

// Finding is a finding of the check. In its remedy, {image}, {place} and {target} are
// what it is about, {file} is the place without line and column; where one of them is
// not known, a word that says what belongs there.
func (c Check) Finding(a About) Finding {
	fill := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	remedy := strings.NewReplacer(
		"{image}", fill(a.Image, "IMAGE"), "{place}", fill(a.Place, "PLACE"),
		"{file}", fill(parsePlace(a.Place).file, "FILE"), "{target}", fill(a.Target, "REGISTRY"),
	).Replace(c.Remedy)
	return Finding{
		Severity: c.Severity, Check: c.Name, Place: a.Place, Image: a.Image,
		Problem: a.Problem, Effect: c.Effect, Remedy: remedy,
	}
}
