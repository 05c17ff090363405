package server

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// startAdmin serves pages, without TLS and without asking who is there: so on loopback alone. The server's Addr is where
// it listens.
func startAdmin(listen string, pages map[string]http.Handler) (*http.Server, error) {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("-admin %q: the admin port asks nobody for a password, so it is on loopback alone, such as 127.0.0.1:0", listen)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("-admin %s: %w", listen, err)
	}
	mux := http.NewServeMux()
	for pattern, page := range pages {
		mux.Handle(pattern, page)
	}
	srv := &http.Server{Addr: listener.Addr().String(), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(listener) }() // ends with Close
	return srv, nil
}
