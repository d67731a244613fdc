package nodes

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"
)

// Warnings says what nodes will stumble over, or soon will, in the certificates of m's CA:
// one that has expired at now, or is not valid yet, and one that may sign none. Each is a
// sentence. NewMirror has refused what is no certificate.
func (m Mirror) Warnings(now time.Time) []string {
	var all []string
	rest := m.CA
	for n := 1; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		name := fmt.Sprintf("certificate %d of the CA (%s)", n, c.Subject)
		switch {
		case now.After(c.NotAfter):
			all = append(all, fmt.Sprintf("%s has expired on %s: nodes will not trust the registry", name, c.NotAfter.UTC().Format(time.DateOnly)))
		case now.Before(c.NotBefore):
			all = append(all, fmt.Sprintf("%s is not valid before %s", name, c.NotBefore.UTC().Format(time.DateOnly)))
		}
		if !c.IsCA {
			all = append(all, name+" is no CA: it can only vouch for a registry whose certificate it is itself")
		}
	}
}
