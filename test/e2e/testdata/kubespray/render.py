"""render.py DEFAULTS OFFLINE DIR: fill in variables as Ansible does, print all of them as JSON, and write what Kubespray's
roles make of the mirrors: DIR/certs.d/PREFIX/hosts.toml, DIR/auth.toml for containerd 1.7, DIR/registries.conf and
DIR/config.json for CRI-O."""
import base64, json, os, sys
import jinja2, yaml

env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
env.filters["b64encode"] = lambda s: base64.b64encode(s.encode()).decode()
number = lambda s: [int(n) for n in s.split(".")]
env.tests["version"] = lambda a, b, op: {">=": number(a) >= number(b), "<": number(a) < number(b)}[op]

variables = {}
for name in sys.argv[1:3]:
    with open(name) as f:
        variables.update(yaml.safe_load(f))


def fill(value):
    if isinstance(value, str):
        for _ in range(9):  # a variable may hold others
            filled = env.from_string(value).render(variables)
            if filled == value:
                return value
            value = filled
        raise SystemExit("no end: " + value)
    if isinstance(value, dict):
        return {k: fill(v) for k, v in value.items()}
    return [fill(v) for v in value] if isinstance(value, list) else value


def write(name, text):
    name = os.path.join(sys.argv[3], name)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w") as f:
        f.write(text)


done = {k: fill(v) for k, v in variables.items()}
for m in done["containerd_registries_mirrors"]:
    text = 'server = "%s"\n' % m.get("server", "https://" + m["prefix"])
    for h in m["mirrors"]:
        text += '[host."%s"]\n' % h["host"]
        text += "  capabilities = %s\n" % json.dumps(h["capabilities"])
        text += "  skip_verify = %s\n" % str(h.get("skip_verify", False)).lower()
        text += "  override_path = %s\n" % str(h.get("override_path", False)).lower()
        if "ca" in h:
            text += '  ca = ["%s"]\n' % h["ca"]
        if "header" in h:
            text += '  [host."%s".header]\n' % h["host"]
            text += "".join('    %s = ["%s"]\n' % (k, v) for k, v in h["header"].items())
    write("certs.d/" + m["prefix"] + "/hosts.toml", text)
write("auth.toml", "".join('[plugins."io.containerd.grpc.v1.cri".registry.configs."%s".auth]\n  auth = "%s"\n' % (a["registry"], a["auth"]) for a in done["containerd_registry_auth"]))
write("registries.conf", "".join('[[registry]]\nprefix = "%s"\ninsecure = %s\nblocked = %s\nlocation = "%s"\n' % (
    r["prefix"], str(r["insecure"]).lower(), str(r["blocked"]).lower(), r["location"]) for r in done["crio_registries"]))
write("config.json", json.dumps({"auths": {a["registry"]: {"auth": env.filters["b64encode"](a["username"] + ":" + a["password"])} for a in done["crio_registry_auth"]}}))
json.dump(done, sys.stdout)
