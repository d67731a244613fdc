package nodes

import (
	"bytes"
	"errors"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// star is how K3s, RKE2 and Talos spell DefaultHost.
func star(host string) string {
	if host == DefaultHost {
		return "*"
	}
	return host
}

// secretFile is a file that only its owner may read if it holds credentials.
func secretFile(name string, content []byte, secret bool) File {
	f := File{Path: name, Mode: 0o644, Content: content, Secret: secret}
	if secret {
		f.Mode = 0o600
	}
	return f
}

// writeYAML writes documents, under our mark, and reads them back: what is written is what is meant.
func writeYAML[T any](documents ...T) ([]byte, error) {
	out := *bytes.NewBufferString("# " + mark + "\n")
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	for _, d := range documents {
		if err := encoder.Encode(d); err != nil {
			return nil, err
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(out.Bytes()))
	decoder.KnownFields(true)
	for _, want := range documents {
		var got T
		if err := decoder.Decode(&got); err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(got, want) {
			return nil, errors.New("what was written reads differently")
		}
	}
	return out.Bytes(), nil
}

// belowRoot are the files of a node as files below an output folder that stands for
// the node's root.
func belowRoot(files []File, err error) ([]File, error) {
	for i, f := range files {
		files[i].Path = strings.TrimPrefix(f.Path, "/")
	}
	return files, err
}

// writeTOML writes a document, under our mark, and reads it back: what is written is what is meant.
func writeTOML[T any](document T) ([]byte, error) {
	text, err := toml.Marshal(document)
	if err != nil {
		return nil, err
	}
	var got T
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&got); err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(got, document) {
		return nil, errors.New("what was written reads differently")
	}
	return append([]byte("# "+mark+"\n"), text...), nil
}
