package regsync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxExpanded bounds what a template may become, in bytes, at every step: a reference has
// at most a few hundred.
const maxExpanded = 4 << 10

// unset stands for a variable without a value until a default takes its place. NUL is in
// no reference.
const unset = "\x00"

// HasTemplate says that text holds what Expand expands.
func HasTemplate(text string) bool { return strings.Contains(text, "{{") }

// Expand gives text with its templates executed as regsync does (pkg/template of
// regclient): env, default, join, split, lower, upper, trimSpace, json. values are what
// env gives; the environment is not read. A variable that has no value and no default is
// an error, and so are file and time, which would make the images of a list depend on the
// machine and the hour. Whatever text is, this ends soon and needs little memory. Errors do not name text.
func Expand(text string, values map[string]string) (string, error) {
	if len(text) > maxExpanded {
		return "", errTooLong
	}
	e := &expansion{values: values}
	t, err := template.New("reference").Option("missingkey=error").Funcs(e.functions()).Parse(text)
	if err != nil {
		return "", err
	}
	if len(t.Templates()) > 1 || t.Tree == nil || !plain(t.Root) {
		return "", errControl
	}
	var out bytes.Buffer
	if err := t.Execute(&out, nil); err != nil {
		return "", err
	}
	if len(e.missing) > e.defaulted {
		return "", fmt.Errorf("no value is given for %s", strings.Join(e.missing, ", "))
	}
	if out.Len() > maxExpanded {
		return "", errTooLong
	}
	return out.String(), nil
}

var errTooLong = fmt.Errorf("a reference with templates may have %d bytes", maxExpanded)

// plain says that a template is text and calls of functions only, so that what it takes is
// bounded by how long it is.
func plain(list *parse.ListNode) bool {
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// An expansion is one execution of a template.
type expansion struct {
	values    map[string]string
	missing   []string // variables without a value, in the order of their calls
	defaulted int      // how many of them a default stands for
}

// functions are those of regclient; those of text/template that could make much of little
// are refused.
func (e *expansion) functions() template.FuncMap {
	return template.FuncMap{
		"env":       e.env,
		"default":   e.otherwise,
		"join":      func(list []string, by string) (string, error) { return bound(strings.Join(list, by)) },
		"split":     strings.Split,
		"lower":     func(s string) (string, error) { return bound(strings.ToLower(s)) },
		"upper":     func(s string) (string, error) { return bound(strings.ToUpper(s)) },
		"trimSpace": strings.TrimSpace,
		"json":      toJSON,
		"file": func(string) (string, error) {
			return "", errors.New("file reads no files here: give the value as a variable")
		},
		"time":   func() (string, error) { return "", errors.New("time would name other images every day") },
		"printf": refuse("printf"), "html": refuse("html"), "js": refuse("js"), "urlquery": refuse("urlquery"), "call": refuse("call"),
	}
}

func refuse(name string) func(...any) (string, error) {
	return func(...any) (string, error) { return "", errors.New(name + " is no function of regsync's references") }
}

func bound(s string) (string, error) {
	if len(s) > maxExpanded {
		return "", errTooLong
	}
	return s, nil
}

func (e *expansion) env(name string) string {
	if value, ok := e.values[name]; ok {
		return value
	}
	e.missing = append(e.missing, name)
	return unset
}

// otherwise is default: what is given, or else what stands for it.
func (e *expansion) otherwise(instead, given any) any {
	switch {
	case given == unset:
		e.defaulted++
		return instead
	case given == nil, reflect.ValueOf(given).IsZero():
		return instead
	}
	return given
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return bound(b.String())
}
