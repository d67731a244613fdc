package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A byteSize is a flag that holds a number of bytes, spelled as the coreutils do:
// 4G and 4GiB are 4·2³⁰, 4GB is 4·10⁹.
type byteSize int64

// String is the number of bytes.
func (s *byteSize) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set reads a number with or without a unit.
func (s *byteSize) Set(text string) error {
	number := strings.TrimRight(text, "kKMGTiBb")
	factor, ok := unit(text[len(number):])
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(n > 0 && n*factor < math.MaxInt64) {
		return fmt.Errorf("%q is no size: write a number of bytes, or one with a unit such as 4G or 4.7GB", text)
	}
	*s = byteSize(n * factor)
	return nil
}

// Type names the flag's kind in help texts.
func (s *byteSize) Type() string { return "SIZE" }

func unit(u string) (factor float64, ok bool) {
	if u == "" || u == "B" {
		return 1, true
	}
	power := strings.IndexByte("KMGT", u[0]&^0x20) + 1
	switch u[1:] {
	case "", "iB":
		return math.Pow(1024, float64(power)), power > 0
	case "B":
		return math.Pow(1000, float64(power)), power > 0
	}
	return 0, false
}
