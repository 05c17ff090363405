package server

import (
	"bytes"
	"io"
)

// discardHandshakes drops net/http's lines about TLS handshakes that failed: a client that probes the port, or that
// refuses our self-signed certificate as it should, is no news and would fill the log.
type discardHandshakes struct{ out io.Writer }

func (d discardHandshakes) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("TLS handshake error")) {
		return len(line), nil
	}
	return d.out.Write(line)
}
