package overrides

import "strings"

// renamed are providers whose own labels have another name than clusterctl gives them
// (their config/default/kustomization.yaml against its list).
var renamed = map[string]string{
	"ck8s": "canonical-kubernetes", // github.com/canonical/cluster-api-k8s
	"kk":   "kubekey",              // github.com/kubesphere/kubekey
}

// labelled is the provider of clusterctl that the label in a file of components means, if
// clusterctl has no provider of that label. Many a project says less than clusterctl does,
// whose names begin with an organization since v1.6: kamaji for control-plane-kamaji, whose
// type the name of the file tells, infrastructure-linode for infrastructure-linode-linode,
// fleet for addon-rancher-fleet.
func (c *Catalogue) labelled(label, file string) (Provider, bool) {
	if _, known := c.Known(label); known {
		return Provider{}, false
	}
	typed, isTyped := c.Provider(label)
	var found []Provider
	for _, p := range c.providers {
		name := label
		if isTyped {
			if name = typed.Name; p.Type != typed.Type {
				continue
			}
		}
		if p.File != file {
			continue
		}
		if p.Name == name || p.Name == renamed[name] || p.Name == name+"-"+name || !isTyped && strings.HasSuffix(p.Name, "-"+name) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return Provider{}, false
	}
	return found[0], true
}
