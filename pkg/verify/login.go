package verify

import (
	"context"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// NeedsLogin says whether the registry keeps what is wanted from whoever has no
// credentials. anybody is asked, once, about something that the registry holds: whether
// it gives it without, and whether that could be told. Where nothing tells, otherwise is
// the answer.
func NeedsLogin(ctx context.Context, wanted []Wanted, holding *Holding, anybody func(context.Context, image.Ref) (gives, told bool), otherwise bool) bool {
	for i := range wanted {
		if !holding.Holds(wanted[i].Target) {
			continue
		}
		gives, told := anybody(ctx, wanted[i].Target)
		if told {
			return !gives
		}
		return otherwise
	}
	return otherwise
}
