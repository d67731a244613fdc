// Package authority makes certificates for a server that has none: an authority
// of its own, which whoever connects must trust, and what the server shows.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// How long certificates hold, in 24-hour days, and how far a clock may be behind:
// machines of such sites ask no time server.
const (
	validDays = 825 // the longest that Apple's platforms take for a server
	skew      = 48 * time.Hour
)

// SelfSigned gives a server certificate for the names, DNS names or IP addresses,
// and the certificate of the authority that signed it, as PEM. The authority's key
// is forgotten, so that it signs nothing else. now is when the certificates begin.
func SelfSigned(names []string, now time.Time) (server tls.Certificate, ca []byte, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return server, nil, fmt.Errorf("making a key: %w", err)
	}
	root, err := template("kubectl-airgap", now)
	if err != nil {
		return server, nil, err
	}
	root.IsCA, root.BasicConstraintsValid, root.MaxPathLenZero = true, true, true
	root.KeyUsage = x509.KeyUsageCertSign
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, caKey.Public(), caKey)
	if err != nil {
		return server, nil, fmt.Errorf("making the authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return server, nil, fmt.Errorf("making a key: %w", err)
	}
	leaf, err := forServer(names, now)
	if err != nil {
		return server, nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), caKey)
	if err != nil {
		return server, nil, fmt.Errorf("making the server's certificate: %w", err)
	}
	server = tls.Certificate{Certificate: [][]byte{leafDER, rootDER}, PrivateKey: key}
	return server, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), nil
}

// forServer describes a server that is called by the names.
func forServer(names []string, now time.Time) (*x509.Certificate, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("a certificate needs a name")
	}
	leaf, err := template(names[0], now)
	if err != nil {
		return nil, err
	}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	return leaf, nil
}

func template(name string, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.AddDate(0, 0, validDays-3),
	}, nil
}
