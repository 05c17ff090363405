package server

import (
	"bytes"
	"io"
)

// QuietLog is where the standard logger writes, less net/http's lines about TLS handshakes that failed: a client that
// probes the port, or that refuses our self-signed certificate as it should, is no news and would fill the log.
type QuietLog struct{ Out io.Writer }

func (d QuietLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("TLS handshake error")) {
		return len(line), nil
	}
	return d.Out.Write(line)
}
