package input

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// Each parses every input and does something with it, several at once, and
// gives the results in the order of the inputs. A file is forgotten once do
// returns, so that no more than one per CPU is in memory.
//
// Every input is tried, whatever becomes of the others; the errors are joined in
// the order of the inputs. If ctx is done, its cause is the error.
func Each[T any](ctx context.Context, inputs []Input, do func(*Input, *manifest.File) (T, error)) ([]T, error) {
	results, errs := make([]T, len(inputs)), make([]error, len(inputs))
	var started atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(inputs)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(started.Add(1)) - 1
				if i >= len(inputs) {
					return
				}
				results[i], errs[i] = one(ctx, &inputs[i], do)
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return results, errors.Join(errs...)
}

func one[T any](ctx context.Context, in *Input, do func(*Input, *manifest.File) (T, error)) (T, error) {
	file, err := in.Parse(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return do(in, file)
}
