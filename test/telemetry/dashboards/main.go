// Reads dashboards with Grafana's own schema library, which refuses unknown fields and wrong types, and prints what is wrong.
//
//	check FILE...
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var read dashboard.Dashboard
	// The library returns an error without a text where nothing is wrong.
	if err := read.UnmarshalJSONStrict(content); err != nil && err.Error() != "" {
		return fmt.Errorf("does not fit the schema: %w", err)
	}
	if err := read.Validate(); err != nil && err.Error() != "" {
		return err
	}
	return nil
}
