package registry

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
)

// askedKey is the key of a context's value that says what URL a registry is asked: what
// else is asked on the way there is about a token.
type askedKey struct{}

// isForToken says whether a request, or the one that was redirected to it, is to a token
// service.
func isForToken(req *http.Request) bool {
	asked, ok := req.Context().Value(askedKey{}).(string)
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return ok && req.URL.String() != asked
}

// A tokenError says that there is no token to be had, whatever is asked for. It is no
// answer about an image.
type tokenError struct{ text string }

func (e *tokenError) Error() string { return e.text }

func lacksTokens(status *resume.StatusError) error {
	said := ""
	if status.Message != "" {
		said = ": " + status.Message
	}
	return resume.Final(&tokenError{fmt.Sprintf("the token service %s, to which it sends, answered %d %s%s: its URL (realm) may be set wrongly",
		status.Host, status.Code, http.StatusText(status.Code), said)})
}

// checkRealm says what is wrong with where an answer sends for tokens (RFC 6750, 3).
func checkRealm(resp *http.Response) error {
	challenge := resp.Header.Get("Www-Authenticate")
	if !regexp.MustCompile(`(?i)^bearer\b`).MatchString(challenge) {
		return nil
	}
	realm := ""
	if m := regexp.MustCompile(`(?i)\brealm\s*=\s*(?:"([^"]*)"|([^\s",]+))`).FindStringSubmatch(challenge); m != nil {
		realm = m[1] + m[2]
	}
	at, err := url.Parse(realm)
	switch {
	case realm == "":
		return resume.Final(&tokenError{"it wants a token, but does not say where to get one: the realm of its answer is empty"})
	case err != nil:
		return resume.Final(&tokenError{"it wants a token, but where to get one (the realm of its answer) is no URL"})
	case at.Scheme != "http" && at.Scheme != "https" || at.Host == "":
		return resume.Final(&tokenError{fmt.Sprintf("it wants a token, but where to get one (the realm of its answer) is no http or https URL: %q", bounded(at.Redacted()))})
	}
	return nil
}
