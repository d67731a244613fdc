package cli

import "testing"

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512B": 512, "4k": 4096, "4K": 4096, "4KB": 4000, "1.5M": 1572864, "4G": 4 << 30, "4.7GB": 4700000000, "1TiB": 1 << 40,
	} {
		var s byteSize
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s is read as %d (%v), want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "G", "4X", "4GG", "4BG", "1e30", "NaN", "Inf", "four"} {
		var s byteSize
		if err := s.Set(text); err == nil {
			t.Errorf("%q is read as %d", text, s)
		}
	}
}
