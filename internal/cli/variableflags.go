package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// variableFlags say what variables in references stand for.
type variableFlags struct{ given []string }

func (f *variableFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.given, "variable", nil,
		"what ${NAME}, or {{ env \"NAME\" }} of regsync, in a reference stands for, as `NAME=VALUE`; may be repeated")
	complete(cmd, "variable")
}

// values are the variables by their names.
func (f *variableFlags) values() (map[string]string, error) {
	values := map[string]string{}
	for _, v := range f.given {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, usagef("--variable %s: a variable is NAME=VALUE", v)
		}
		values[name] = value
	}
	return values, nil
}
