package cli

import (
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// parseFile reads what --file takes: URL|PATH[,KEY=VALUE]…
func parseFile(text string) (site.File, error) {
	parts := strings.Split(text, ",")
	// A comma in the URL itself is followed by no key that is known here.
	n := len(parts)
	for n > 1 && isFileKey(parts[n-1]) {
		n--
	}
	f := site.File{Place: "--file", Parts: []string{strings.Join(parts[:n], ",")}}
	if f.Parts[0] == "" {
		return f, fmt.Errorf("%s: it names neither a URL nor a path", text)
	}
	for _, part := range parts[n:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "sha256":
			if isSHA256(value) {
				f.SHA256 = value
			} else {
				f.SHA256URL = value
			}
		case "path":
			f.Path = value
		case "mode":
			f.Mode = value
		}
	}
	return f, nil
}

func isFileKey(part string) bool {
	key, _, ok := strings.Cut(part, "=")
	return ok && (key == "sha256" || key == "path" || key == "mode")
}

// isSHA256 tells a checksum from the place where one is published.
func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
