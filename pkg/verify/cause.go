package verify

import (
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// together makes one finding of those about names that nothing has, and for which the same
// asks at the same places: a version that nobody carried, a repository that is wrong.
func (v *visit) together(looks []*look) {
	first := map[string]*look{}
	for _, l := range looks {
		if !l.absent || len(l.findings) != 1 || l.findings[0].Check != CheckNameMissing {
			continue
		}
		cause := strings.Join(append(l.places(), l.findings[0].Problem), "\n")
		if first[cause] == nil {
			first[cause] = l
			continue
		}
		first[cause].also = append(first[cause].also, l.target.String())
		l.findings = nil
	}
	for _, l := range first {
		if len(l.also) > 0 {
			l.findings[0].Problem += "; nor " + verb(len(l.also), "is ", "are ") + strings.Join(l.also, ", ")
			l.advise("correct the version or the repository that is asked for if it is wrong, else carry them: kubectl airgap pull (--kubernetes-version, --image) -o more.tar, then kubectl airgap push more.tar --to {target}",
				strings.NewReplacer("{target}", v.site.Target))
		}
	}
}

// without makes one finding of those about platforms where no image is there for one that
// nodes have: it was left out when they were carried.
func (v *visit) without(looks []*look) []Finding {
	var lacking []*look
	for _, l := range looks {
		if l.image == nil || len(l.image.Platforms) == 0 {
			continue
		}
		if len(l.findings) != 1 || l.findings[0].Check != CheckRegistryPlatform || len(lacking) > 0 && lacking[0].findings[0].Problem != l.findings[0].Problem {
			return nil
		}
		lacking = append(lacking, l)
	}
	if len(lacking) < 2 {
		return nil
	}
	problem := strings.TrimPrefix(lacking[0].findings[0].Problem, "it is not there")
	for _, l := range lacking {
		l.findings = nil
	}
	return []Finding{v.site.finding(CheckRegistryPlatform, v.site.Target, image.Ref{}, fmt.Sprintf("none of %s is there%s", count(len(lacking), "image"), problem)).advised(
		"carry them for the platform as well: kubectl airgap pull … --platform …, then push; or leave the platform out if no node has it", nil)}
}
