package bundle

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// Users are who may read what is served, with their passwords' hashes. They may
// be used by several goroutines at once.
type Users struct {
	hashes map[string][]byte
	nobody []byte   // a hash that no password has
	key    [32]byte // of the marks
	slow   sync.Mutex

	mu    sync.Mutex
	marks map[string][sha256.Size]byte // of passwords that were right
}

// ParseHtpasswd reads NAME:HASH lines as htpasswd -B writes them. Hashes must be
// bcrypt's; the others that htpasswd knows are guessed too fast. Errors name the
// line, not the hash.
func ParseHtpasswd(text []byte) (*Users, error) {
	u := &Users{hashes: map[string][]byte{}, marks: map[string][sha256.Size]byte{}}
	var errs []error
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := u.add(line); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n, err))
		}
	}
	if len(u.hashes) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("there are no users in it"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	_, _ = rand.Read(u.key[:]) // never fails
	return u, u.inventNobody()
}

func (u *Users) add(line string) error {
	name, hash, _ := strings.Cut(line, ":")
	if _, err := bcrypt.Cost([]byte(hash)); err != nil || name == "" {
		return errors.New("this is not NAME:HASH with a hash by bcrypt (htpasswd -B)")
	}
	if u.hashes[name] != nil {
		return fmt.Errorf("user %q is there twice", name)
	}
	u.hashes[name] = []byte(hash)
	return nil
}

// inventNobody makes the hash that an unknown user is compared with, so that the
// time an answer takes does not tell which users there are.
func (u *Users) inventNobody() error {
	cost := 0
	for _, hash := range u.hashes {
		c, _ := bcrypt.Cost(hash) // add has seen that it has one
		cost = max(cost, c)
	}
	var err error
	u.nobody, err = bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
	return err
}

// admit says whether a request comes from one of the users.
func (u *Users) admit(r *http.Request) bool {
	name, password, ok := r.BasicAuth()
	return ok && u.check(name, password)
}

// check says whether the password is the user's. What was right once is known
// again without the cost of bcrypt, which a pull would pay for every blob.
func (u *Users) check(name, password string) bool {
	mac := hmac.New(sha256.New, u.key[:])
	mac.Write([]byte(password))
	mark := [sha256.Size]byte(mac.Sum(nil))
	u.mu.Lock()
	known, ok := u.marks[name]
	u.mu.Unlock()
	if ok && hmac.Equal(known[:], mark[:]) {
		return true
	}
	if !u.compare(name, password) {
		return false
	}
	u.mu.Lock()
	u.marks[name] = mark
	u.mu.Unlock()
	return true
}

// compare asks bcrypt, one request at a time: who guesses gets one core at most.
func (u *Users) compare(name, password string) bool {
	hash, known := u.hashes[name]
	if !known {
		hash = u.nobody
	}
	u.slow.Lock()
	defer u.slow.Unlock()
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known
}
