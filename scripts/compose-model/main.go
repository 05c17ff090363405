// Command compose-model prints a compose file as `docker compose` understands it, as JSON: variables put in, anchors and
// short forms written out. It is compose-go, the library inside `docker compose`, and so needs no Docker engine; the tests
// read docker-compose.yml with it.
//
// compose-go's own command (compose-go/v2/cmd) cannot do it: it never passes the environment on to the interpolation, so
// that every ${VARIABLE:?…} counts as missing (v2.9.1 to v2.16.2).
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: compose-model FILE [PROFILE…]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run prints the model of file with the services of profiles switched on. The order of the options is that of
// `docker compose`: the environment comes before .env, which lies beside the file.
func run(file string, profiles []string) error {
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv, cli.WithProfiles(profiles))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	model, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(model))
	return err
}
