package progress

import (
	"fmt"
	"strconv"
	"time"
)

// Size is how every number of bytes is shown: in decimal units, to two digits, as
// disks and networks are sold. 999 B, 1.5 kB, 12 MB, 1.5 GB.
func Size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), -1
	for f >= 999.5 && unit < len(units)-1 {
		f, unit = f/1000, unit+1
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f %cB", f, units[unit])
	}
	return fmt.Sprintf("%.0f %cB", f, units[unit])
}

const units = "kMGTPE"

// left is a time to wait, to what can be believed of it: 40 s, 3 min, 2 h 5 min.
func left(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%d s", int(max(d, time.Second)/time.Second))
	case d < 100*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute)/time.Minute))
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
}
