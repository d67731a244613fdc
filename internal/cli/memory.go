package cli

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
)

// What is in use at once is at most memoryPerByte bytes for each byte of a file that is
// nothing but references, and usually far less. A limit below leastMemory would win nothing.
const (
	leastMemory   = 40 << 20
	memoryPerByte = 5
)

// limitMemory tells the garbage collector that a command which only reads and writes
// manifests takes less than ten times its largest input per worker. By itself it would wait until what is in use has doubled,
// which for a long list is more. Other inputs stay far below the limit and lose nothing
// by it. It is soft: who needs more gets it, a little later. Input that is no file has no
// size beforehand, and no limit.
func limitMemory(set input.Set) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return // the user knows better (GOMEMLIMIT)
	}
	var largest, total int64
	for i := range set.Inputs {
		info, err := os.Stat(set.Inputs[i].File)
		if err != nil {
			return
		}
		largest, total = max(largest, info.Size()), total+info.Size()
	}
	atOnce := min(total, largest*int64(runtime.GOMAXPROCS(0)))
	// What is found stays until the end, so all inputs count as well.
	debug.SetMemoryLimit(max(leastMemory, memoryPerByte*atOnce) + total/2)
}
