package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// shell is script for text that is known to be commands.
func (w *walker) shell(v yamltree.View) {
	before := w.commands
	w.commands = true
	w.script(v)
	w.commands = before
}

// script looks for references in text that is no YAML: shell, TOML, PowerShell, Go
// templates, and manifests that become YAML only when something is filled in. It takes
// lines that say `image: …` or `sandbox_image = …`, what follows pull and its like, and
// words that can be nothing but references.
func (w *walker) script(v yamltree.View) {
	for at := 0; at < len(v.S); {
		line, n := yamltree.CutLine(v.S[at:])
		if !isComment(line) {
			w.scriptLine(uncomment(v.Sub(at, at+len(line))))
		}
		at += n
	}
}

func isComment(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//")
}

// uncomment cuts a comment at the end of a line.
func uncomment(v yamltree.View) yamltree.View {
	if i := strings.Index(v.S, " #"); i >= 0 {
		return v.Sub(0, i)
	}
	return v
}

func (w *walker) scriptLine(v yamltree.View) {
	if key, value, ok := keyLine(v); ok && w.keyed(key, value) {
		return
	}
	if key, value, ok := wordLine(v); ok && w.keyed(key, value) {
		return
	}
	previous := ""
	for at := 0; at < len(v.S); {
		word, end := nextReference(v, at)
		if word.S == "" {
			return
		}
		w.scriptWord(word, v.S[:word.Base-v.Base], previous)
		previous = word.S
		at = end
	}
}

// keyLine takes `key: value`, `- key: value`, `key = "value"` and `"key": "value",` apart.
func keyLine(v yamltree.View) (key string, value yamltree.View, ok bool) {
	s := v.S
	i := yamltree.NextWord(s, 0)
	for strings.HasPrefix(s[i:], "- ") {
		i = yamltree.NextWord(s, i+2)
	}
	end := strings.IndexAny(s[i:], ":=")
	if end < 0 {
		return "", yamltree.View{}, false
	}
	key = strings.Trim(strings.TrimSpace(s[i:i+end]), `"'`)
	for _, c := range []byte(key) {
		if !yamltree.IsWordByte(c) && c != '-' && c != '.' && c != '/' {
			return "", yamltree.View{}, false
		}
	}
	value = trimView(v.Sub(i+end+1, len(s)))
	value = trimView(value.Sub(0, len(strings.TrimRight(value.S, ",;"))))
	if n := len(value.S); n >= 2 && (value.S[0] == '"' || value.S[0] == '\'') && value.S[n-1] == value.S[0] {
		value = value.Sub(1, n-1)
	}
	return key, value, key != "" && value.S != ""
}

// wordLine takes `key value` apart, as Spark's defaults have it, and `FROM image` of a
// Dockerfile, which names the image that is pulled for a build in the cluster.
func wordLine(v yamltree.View) (key string, value yamltree.View, ok bool) {
	v = trimView(v)
	end := strings.IndexAny(v.S, " \t")
	if end < 0 {
		return "", yamltree.View{}, false
	}
	key, value = v.S[:end], trimView(v.Sub(end, len(v.S)))
	if key == "FROM" {
		value = value.Sub(0, yamltree.WordEnd(value.S, 0)) // AS stage
		return "baseImage", value, maybeReference(value.S)
	}
	return key, value, strings.HasSuffix(strings.ToLower(key), "image") && !strings.ContainsAny(value.S, " \t")
}

// keyed judges the value of a line by its key.
func (w *walker) keyed(key string, v yamltree.View) bool {
	facts := w.p.facts(key)
	w.push(step{key: key, facts: facts})
	defer w.pop()
	if facts.normal == "imagerepository" {
		return w.prefixView(v, prefixRule{name: "kubeadm"})
	}
	m, ok := w.match()
	if !ok {
		return false
	}
	p, ok := readReference(v)
	if !ok || !p.is(m.shape) || isWord(p, m) {
		return false
	}
	if strings.Contains(v.S, "{{") && !p.named() {
		return false
	}
	w.add(p, m.name, FormEmbedded, m.confidence)
	return true
}

// scriptWord judges one word of a line.
func (w *walker) scriptWord(word yamltree.View, before, previous string) {
	p, ok := readReference(word)
	if !ok || !p.named() || p.templated && strings.ContainsAny(p.ref.Name(), "${") {
		return
	}
	need, rule := strongReference, "text"
	if fetches(before) && previous != "" || isImageFlag(before) {
		need, rule = rootedReference, "command"
	}
	if !p.is(need) || isCodeHost(p.ref.Registry) {
		return
	}
	confidence := Likely
	if rule == "text" && !w.commands && isProse(before) {
		confidence = Possible
	}
	w.add(p, rule, FormEmbedded, confidence)
}

// command handles a string of one line that is a command which fetches an image.
func (w *walker) command(n *yamltree.Node) bool {
	word, rest, ok := strings.Cut(n.Value, " ")
	if word == "sudo" {
		word, rest, ok = strings.Cut(rest, " ")
	}
	if !ok || !isContainerTool(word) || !strings.Contains(rest, "pull ") && !strings.Contains(rest, "run ") {
		return false
	}
	v, ok := yamltree.Open(w.t, n)
	if !ok {
		return false
	}
	before := w.found
	w.shell(v)
	return w.found > before
}

// isContainerTool says that a word of a command line is a program that takes images.
func isContainerTool(word string) bool {
	word = word[strings.LastIndexAny(word, "/\\='\"(`")+1:] // ExecStart=/usr/bin/podman, sh 'docker
	switch strings.TrimSuffix(word, ".exe") {
	case "docker", "podman", "nerdctl", "ctr", "crictl", "skopeo", "crane", "oras", "regctl":
		return true
	}
	return false
}

// isProse says that what stands before a word is running text: neither an assignment
// nor a quote nor the start of a line.
func isProse(before string) bool {
	before = strings.TrimRight(before, " \t")
	if before == "" || strings.IndexByte(`=:"'([{},-|>`+"`", before[len(before)-1]) >= 0 {
		return false
	}
	for _, tool := range strings.Fields(before) {
		if isContainerTool(tool) {
			return false
		}
	}
	return true
}

// isImageFlag says that the words before end in a flag that takes an image: --image=,
// --agent-image.
func isImageFlag(before string) bool {
	before = strings.TrimRight(before, ` ="'`)
	flag := before[strings.LastIndexAny(before, " \t")+1:]
	return strings.HasPrefix(flag, "-") && strings.HasSuffix(strings.ToLower(flag), "image")
}

// fetches says that the words before end in a command that takes an image.
func fetches(before string) bool {
	words := strings.Fields(before)
	for i := len(words) - 1; i >= 0 && i >= len(words)-3; i-- {
		word := words[i]
		if strings.HasPrefix(word, "-") {
			continue
		}
		return i > 0 && word == "pull"
	}
	return false
}

// nextReference finds the next word in v.s[at:] that is made of the characters of
// references and variables. A default in ${VAR:=default} is a word of its own.
func nextReference(v yamltree.View, at int) (word yamltree.View, end int) {
	s := v.S
	for i := at; i < len(s); i++ {
		if !yamltree.IsWordByte(s[i]) && s[i] != '$' || i > 0 && isReferenceByte(s[i-1]) && !dockerURL(s[:i]) {
			continue
		}
		j, spans := referenceEnd(s, i)
		if j == i {
			continue
		}
		if s[i] == '$' && spans == 1 {
			if from, to, ok := defaultOf(s[i:j]); ok {
				return v.Sub(i+from, i+to), j
			}
		}
		k := len(strings.TrimRight(s[i:j], ".,:-/"))
		return v.Sub(i, i+k), j
	}
	return yamltree.View{}, len(s)
}

// referenceEnd is the end of the run of reference characters and variables at s[i],
// and the number of variables if it is nothing else.
func referenceEnd(s string, i int) (end, only int) {
	literal := false
	for i < len(s) {
		if j := yamltree.VariableEnd(s, i); j > i {
			i = j
			only++
		} else if j := wordVariableEnd(s, i); j > i && s[i] != '<' {
			i = j
			only++
		} else if isReferenceByte(s[i]) {
			i++
			literal = true
		} else {
			break
		}
	}
	if literal {
		only = 0
	}
	return i, only
}

func isReferenceByte(c byte) bool {
	return yamltree.IsWordByte(c) || c == '.' || c == '-' || c == '/' || c == ':' || c == '@'
}

// dockerURL says that s ends in docker://, which skopeo puts before references.
func dockerURL(s string) bool { return strings.HasSuffix(s, dockerScheme) }
