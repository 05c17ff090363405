package server

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Ready is the content of the ready file. It carries no password: whoever started us chose it.
type Ready struct {
	URL        string `json:"url"`             // https://host:port/sdk
	Username   string `json:"username"`        // as given in VCSIM_USERNAME
	Thumbprint string `json:"thumbprint"`      // SHA-256 of the TLS certificate, 64 lower-case hex digits
	PID        int    `json:"pid"`             // of this process
	Admin      string `json:"admin,omitempty"` // http://host:port of the admin port, when there is one
}

// Write puts the ready file in place in one step, mode 0600, so that nobody reads half of it.
func (r Ready) Write(file string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	// os.CreateTemp makes it with mode 0600.
	temp, err := os.CreateTemp(filepath.Dir(file), ".ready-*")
	if err != nil {
		return fmt.Errorf("writing the ready file %s: %w", file, err)
	}
	_, err = temp.Write(append(content, '\n'))
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("writing the ready file %s: %w", file, err)
	}
	return nil
}
