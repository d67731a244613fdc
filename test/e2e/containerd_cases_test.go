//go:build e2e

package e2e

// two is what nodes writes: the mirror as host and as server.
const two = `server = "https://{A}/v2/airgap/up"
capabilities = ["pull", "resolve"]
override_path = true

[host."https://{A}/v2/airgap/up"]
  capabilities = ["pull", "resolve"]
  override_path = true
`

// toA is a mirror for all that images name.
const toA = "[host.\"https://{A}\"]\ncapabilities = [\"pull\", \"resolve\"]\n"

// A config.toml that does not name one folder.
const (
	noConfigPath = "version = 2\n"
	twoFolders   = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d:/etc/docker/certs.d\"\n"
	legacy       = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"{U}\"]\nendpoint = [\"https://{A}/v2/airgap/up\", \"{B}\", \"http://{P}/\"]\n"
)

var certsCases = []certsCase{
	{name: "nothing"},
	{name: "host and server", hosts: two},
	{name: "host without server", hosts: toA},
	{name: "server is the upstream", hosts: "server = \"https://{U}\"\n" + toA},
	{name: "empty server", hosts: "server = \"\"\n" + toA},
	{name: "server alone", hosts: "server = \"https://{A}\"\n"},
	{name: "server alone with a path", hosts: "server = \"https://{A}/v2/airgap/up\"\noverride_path = true\n"},
	{name: "root settings without server", hosts: "capabilities = [\"pull\"]\noverride_path = true\n" + toA},
	{name: "server may only pull", hosts: "server = \"https://{B}\"\ncapabilities = [\"pull\"]\n" + toA},
	{name: "a path", hosts: "server = \"https://{A}\"\n[host.\"https://{A}/airgap/up\"]\n"},
	{name: "a path below v2", hosts: "server = \"https://{A}\"\n[host.\"https://{A}/v2/airgap/up\"]\n"},
	{name: "a path that ends with v2", hosts: "[host.\"https://{A}/airgap/v2\"]\n"},
	{name: "a path overridden", hosts: "[host.\"https://{A}/v2/airgap/up\"]\noverride_path = true\n"},
	{name: "a path overridden without v2", hosts: "[host.\"https://{A}/airgap/up\"]\noverride_path = true\n"},
	{name: "no path overridden", hosts: "[host.\"https://{A}\"]\noverride_path = true\n"},
	{name: "a path to be cleaned", hosts: "[host.\"https://{A}//v2/./airgap/../up/\"]\noverride_path = true\n"},
	{name: "trailing slash", hosts: "[host.\"https://{A}/\"]\n"},
	{name: "no scheme", hosts: "server = \"{B}/v2/x\"\noverride_path = true\n[host.\"{A}\"]\n"},
	{name: "no scheme, and http in the name", hosts: "server = \"httpbin.upstream.test:5000\"\n" + toA},
	{name: "plain HTTP", hosts: "server = \"http://{P}\"\n[host.\"http://{P}/v2/airgap\"]\noverride_path = true\n"},
	{name: "pull only", hosts: "[host.\"https://{A}\"]\ncapabilities = [\"pull\"]\n"},
	{name: "resolve only", hosts: "[host.\"https://{A}\"]\ncapabilities = [\"resolve\"]\n"},
	{name: "push only", hosts: "[host.\"https://{A}\"]\ncapabilities = [\"push\"]\n"},
	{name: "nobody may resolve", hosts: "server = \"https://{B}\"\ncapabilities = [\"pull\"]\n[host.\"https://{A}\"]\ncapabilities = [\"pull\"]\n"},
	{name: "no capability", hosts: "[host.\"https://{A}\"]\ncapabilities = []\n"},
	{name: "capital capabilities", hosts: "[host.\"https://{A}\"]\ncapabilities = [\"Pull\", \"RESOLVE\"]\n"},
	{name: "unknown capability", hosts: "server = \"https://{B}\"\n[host.\"https://{A}\"]\ncapabilities = [\"pull\", \"resolv\"]\n"},
	{name: "referrers", hosts: "[host.\"https://{A}\"]\ncapabilities = [\"pull\", \"resolve\", \"referrers\"]\n"},
	{name: "capabilities is a string", hosts: "[host.\"https://{A}\"]\ncapabilities = \"pull\"\n"},
	{name: "unquoted server", hosts: "server = https://{A}\n" + toA},
	{name: "no closing bracket", hosts: "[host.\"https://{A}\"\ncapabilities = [\"pull\"]\n"},
	{name: "a key twice", hosts: "server = \"https://{A}\"\nserver = \"https://{B}\"\n" + toA},
	{name: "a table twice", hosts: toA + toA},
	{name: "hosts in a line", hosts: "server = \"https://{B}\"\nhost = {\"https://{A}\" = {capabilities = [\"pull\", \"resolve\"]}}\n"},
	{name: "hosts in a line without server", hosts: "host = {\"https://{A}\" = {capabilities = [\"pull\", \"resolve\"]}}\n"},
	{name: "dotted keys", hosts: "server = \"https://{B}\"\nhost.\"https://{A}\".capabilities = [\"pull\", \"resolve\"]\n"},
	{name: "an array of hosts", hosts: "[[host]]\n[host.\"https://{A}\"]\n"},
	{name: "no host in host", hosts: "server = \"https://{A}\"\n[host]\n"},
	{name: "host without a name", hosts: "server = \"https://{B}\"\n[host.\"\"]\n"},
	{name: "three hosts", hosts: "server = \"https://{A}/v2/s\"\noverride_path = true\n[host.\"https://{B}\"]\n[host.\"https://{A}\"]\n[host.\"http://{P}\"]\n"},
	{name: "hosts interrupted", hosts: "[host.\"https://{B}\"]\n[host.\"https://{A}\"]\n[host.\"https://{B}\".header]\nX-Airgap = \"1\"\n"},
	{name: "header before its host", hosts: "[host.\"https://{B}\".header]\nX-Airgap = \"1\"\n[host.\"https://{A}\"]\n[host.\"https://{B}\"]\n"},
	{name: "header is a number", hosts: "[host.\"https://{A}\".header]\nX-Airgap = 1\n"},
	{name: "unknown keys", hosts: "serves = \"https://{B}\"\n[host.\"https://{A}\"]\ncapability = [\"pull\"]\n"},
	{name: "server below a table", hosts: toA + "server = \"https://{B}\"\n"},
	{name: "only a comment", hosts: "# later\n"},
	{name: "only a comment and a host", hosts: "# now\n" + toA + "# done"},
	{name: "line breaks of Windows", hosts: "server = \"https://{B}\"\r\n[host.\"https://{A}\"]\r\n"},
	{name: "byte order mark", hosts: "\ufeffserver = \"https://{B}\"\n" + toA},
	{name: "dial_timeout", hosts: toA + "dial_timeout = \"3s\"\n"},
	{name: "dial_timeout without unit", hosts: toA + "dial_timeout = \"3\"\n"},
	{name: "dial_timeout is a number", hosts: toA + "dial_timeout = 3\n"},
	{name: "a CA", hosts: toA + "ca = \"/etc/containerd/certs.d/{U}/own.pem\"\n", files: map[string]string{"{U}/own.pem": "{CA}"}},
	{name: "a CA beside the file", hosts: toA + "ca = [\"own.pem\", \"own.pem\"]\n", files: map[string]string{"{U}/own.pem": "{CA}"}},
	{name: "a CA that is not there", hosts: toA + "ca = \"/etc/containerd/certs.d/nowhere.pem\"\n"},
	{name: "a CA that is garbage", hosts: toA + "ca = \"own.pem\"\n", files: map[string]string{"{U}/own.pem": "no certificate"}},
	{name: "a CA of the server that is not there", hosts: "server = \"https://{B}\"\nca = \"nowhere.pem\"\n" + toA},
	{name: "a CA that is a number", hosts: toA + "ca = 1\n"},
	{name: "a client's key that is not there", hosts: toA + "client = [[\"a.cert\", \"a.key\"]]\n"},
	{name: "a client's pair of three", hosts: toA + "client = [[\"a\", \"b\", \"c\"]]\n"},
	{name: "skip_verify", hosts: toA + "skip_verify = true\n"},
	{name: "skip_verify is a string", hosts: toA + "skip_verify = \"true\"\n"},
	{name: "an empty file", files: map[string]string{"{U}/hosts.toml": ""}},
	{name: "an empty folder", files: map[string]string{"{U}/": ""}},
	{name: "Docker's certificates", files: map[string]string{"{U}/ca.crt": "{CA}"}},
	{name: "Docker's certificates are garbage", files: map[string]string{"{U}/ca.crt": "no certificate"}},
	{name: "garbage beside a file that cannot be read", hosts: "server = https://{A}\n", files: map[string]string{"{U}/ca.crt": "no certificate"}},
	{name: "garbage beside a file that can", hosts: toA, files: map[string]string{"{U}/ca.crt": "no certificate"}},
	{name: "the file is a folder", files: map[string]string{"{U}/hosts.toml/": ""}},
	{name: "the folder is a file", files: map[string]string{"{U}": "server = \"https://{A}\"\n"}},
	{name: "the folder is a link", files: map[string]string{"{U}": "->elsewhere", "elsewhere/hosts.toml": two}},
	{name: "the link leads nowhere", files: map[string]string{"{U}": "->nowhere"}},
	{name: "the file's link leads nowhere", files: map[string]string{"{U}/note": "", "{U}/hosts.toml": "->nowhere"}},
	{name: "a port", registry: "port.upstream.test:5000", hosts: two},
	{name: "a port, underscores", registry: "under.upstream.test:5000", files: map[string]string{"under.upstream.test_5000_/hosts.toml": two}},
	{name: "a port, both", registry: "both.upstream.test:5000", hosts: toA, files: map[string]string{"both.upstream.test_5000_/hosts.toml": two}},
	{name: "a port, one underscore", registry: "one.upstream.test:5000", files: map[string]string{"one.upstream.test_5000/hosts.toml": two}},
	{name: "a port, none in the folder", registry: "none.upstream.test:5000", files: map[string]string{"none.upstream.test/hosts.toml": two}},
	{name: "Docker Hub", registry: "docker.io", hosts: "server = \"https://{A}\"\n" + toA},

	{name: "Docker Hub by its other name", registry: "docker.io", alone: true, files: map[string]string{"registry-1.docker.io/hosts.toml": two}},
	{name: "Docker Hub alone", registry: "docker.io", alone: true, hosts: toA},
	{name: "default", alone: true, files: map[string]string{"_default/hosts.toml": two}},
	{name: "default without server", alone: true, files: map[string]string{"_default/hosts.toml": toA}},
	{name: "default beside a folder", alone: true, hosts: toA, files: map[string]string{"_default/hosts.toml": two}},
	{name: "default beside an empty folder", alone: true, files: map[string]string{"{U}/": "", "_default/hosts.toml": two}},
	{name: "default behind a link to nowhere", alone: true, files: map[string]string{"{U}": "->nowhere", "_default/hosts.toml": two}},
	{name: "HTTP with settings of TLS", alone: true, hosts: "server = \"http://{P}\"\nskip_verify = true\n[host.\"http://{P}/x\"]\nskip_verify = true\n"},
	{name: "HTTP with settings of TLS, where TLS is spoken", alone: true, hosts: "server = \"http://{A}\"\nskip_verify = true\n" + toA},
	{name: "HTTP where TLS is spoken", alone: true, hosts: "server = \"http://{A}\"\n[host.\"http://{B}\"]\n"},
	{name: "HTTPS where HTTP is spoken", alone: true, hosts: "server = \"https://{A}\"\n[host.\"https://{P}\"]\n"},
	{name: "localhost", alone: true, registry: "{L}"},
	{name: "no config_path", alone: true, hosts: two, config: noConfigPath},
	{name: "two folders", alone: true, hosts: two, config: twoFolders},
	{name: "two folders, local pulls", alone: true, hosts: two, config: twoFolders + "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndiscard_unpacked_layers = true\n"},
	{name: "two folders, local pulls with runtimes", alone: true, hosts: two, config: twoFolders + "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndiscard_unpacked_layers = true\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n"},
	{name: "the table of containerd 2", alone: true, hosts: two, config: "version = 2\n[plugins.\"io.containerd.cri.v1.images\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"},
	{name: "version 3", alone: true, hosts: two, config: "version = 3\n[plugins.\"io.containerd.cri.v1.images\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"},
	{name: "version 3, the old table", alone: true, hosts: two, config: "version = 3\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"},
	{name: "no version", alone: true, hosts: two, config: "[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"},
	{name: "version 1", alone: true, hosts: two, config: "[plugins.cri.registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"},
	{name: "mirrors", alone: true, hosts: two, config: legacy},
	{name: "mirrors for all", alone: true, config: "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"*\"]\nendpoint = [\"https://{A}\"]\n"},
	{name: "mirrors and config_path", alone: true, hosts: two, config: legacy + "[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"},
	{name: "configs.tls and config_path", alone: true, hosts: two, config: certsD + "[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"{A}\".tls]\ninsecure_skip_verify = true\n"},
	{name: "configs.tls and mirrors", alone: true, config: legacy + "[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"{B}\".tls]\ninsecure_skip_verify = true\n"},
	{name: "CRI disabled", alone: true, hosts: two, config: "disabled_plugins = [\"cri\"]\n" + certsD},
	{name: "config.toml is no TOML", alone: true, hosts: two, config: certsD + "oops\n"},
}
