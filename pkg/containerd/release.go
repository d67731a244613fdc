package containerd

import (
	"fmt"
	"strconv"
	"strings"
)

// A release is one of containerd, comparable as a number: 1.7.35 is 1_007_035.
type release int

const (
	newest    = "2.4"
	lastPatch = 999 // of a line, whatever it is
)

func version(major, minor, patch int) release {
	return release(major*1_000_000 + minor*1_000 + patch)
}

// parseRelease reads 1.7, v1.7.35, 2.4.2-rc.1; empty is the newest line.
func parseRelease(s string) (release, error) {
	text := strings.TrimPrefix(s, "v")
	if text == "" {
		text = newest
	}
	text, _, _ = strings.Cut(text, "-")
	text, _, _ = strings.Cut(text, "+")
	numbers := [3]int{0, 0, lastPatch}
	parts := strings.Split(text, ".")
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 10)
		if err != nil || i >= len(numbers) || n > lastPatch {
			return 0, badRelease(s)
		}
		numbers[i] = int(n)
	}
	r := version(numbers[0], numbers[1], numbers[2])
	if len(parts) < 2 || r < version(1, 6, 0) {
		return 0, badRelease(s)
	}
	return r, nil
}

func badRelease(s string) error {
	return fmt.Errorf("containerd version %q: it is 1.6 or later, as 1.7, v1.7.35 or 2.4 are", s)
}

func (r release) major() int { return int(r) / 1_000_000 }

// since says whether a change is in r that came with the patch of 1.6, of 1.7, and of 2.x.
// lastPatch+1 is never.
func (r release) since(patch16, patch17 int, two release) bool {
	switch r / 1_000 {
	case 1_006:
		return r >= version(1, 6, patch16)
	case 1_007:
		return r >= version(1, 7, patch17)
	}
	return r >= two
}

const never = lastPatch + 1

// needsHost: a file without any [host] cannot be read, before 1.7.32.
func (r release) needsHost() bool { return !r.since(never, 32, version(2, 0, 0)) }

// httpFallback: a host with http:// and TLS settings is asked by HTTPS first.
func (r release) httpFallback() bool { return r.since(32, 16, version(2, 0, 0)) }

// fallbackWithoutPort: so is one that names no port.
func (r release) fallbackWithoutPort() bool { return r.since(never, 24, version(2, 0, 0)) }

// localPorts: the scheme of localhost depends on the port.
func (r release) localPorts() bool { return r.since(25, 8, version(2, 0, 0)) }

// dialTimeout: hosts.toml may hold dial_timeout.
func (r release) dialTimeout() bool { return r.since(never, never, version(2, 0, 7)) }

// referrers: it is a capability.
func (r release) referrers() bool { return r >= version(2, 2, 0) }

// orderByTables: the hosts are the tables that are written as [host."…"].
func (r release) orderByTables() bool { return r.major() >= 2 }

// transfer: pulls go through the transfer service, which takes config_path for one folder.
func (r release) transfer() bool { return r >= version(2, 1, 0) }

// defaultConfigPath is what config_path is where config.toml does not say it.
func (r release) defaultConfigPath() string {
	if r >= version(2, 2, 0) {
		return CertsDir + ":/etc/docker/certs.d"
	}
	return ""
}

// eagerDefault: the default is there before config.toml is read, and excludes mirrors.
func (r release) eagerDefault() bool {
	return r >= version(2, 2, 0) && r < version(2, 2, 2)
}

// configVersion is the newest version of config.toml that r reads.
func (r release) configVersion() int {
	switch {
	case r >= version(2, 3, 0):
		return 4
	case r >= version(2, 0, 0):
		return 3
	}
	return 2
}

// migratesAll: the CRI's old table is taken over from files of every older version. From
// 2.0 to 2.2 it is from version 2 alone: a file of version 1, or without one, is made one
// of version 3 before the plugins see it.
func (r release) migratesAll() bool { return r.configVersion() > 3 }

// refusesNewer: a config.toml of a newer version keeps it from starting; before, the
// tables that it did not know had no effect.
func (r release) refusesNewer() bool { return r.since(39, 20, version(2, 0, 0)) }
