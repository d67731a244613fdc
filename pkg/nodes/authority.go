package nodes

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// certificates gives the certificates of a PEM file and nothing else of it: a private
// key would go to every node, and one that cannot be parsed would end every pull.
func certificates(file []byte) ([]byte, error) {
	if len(bytes.TrimSpace(file)) == 0 {
		return nil, nil
	}
	var out []byte
	for n := 1; ; n++ {
		var block *pem.Block
		block, file = pem.Decode(file)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("the CA holds a %s; nodes need its certificates alone", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("certificate %d of the CA: %w", n, err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if len(out) == 0 {
		return nil, errors.New("the CA holds no certificate in PEM form")
	}
	return out, nil
}
