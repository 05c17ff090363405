// Package server puts a simulated vCenter on the network: TLS, credentials, the ready file, and an end that is clean.
package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
)

// Options say where a vCenter answers and to whom.
type Options struct {
	Listen   string // host:port; port 0 takes a free one
	Username string
	Password string
	CertFile string                   // PEM; empty: a certificate of this run alone
	KeyFile  string                   // PEM
	Routes   map[string]http.Handler  // what answers in vcsim's place, by pattern of http.ServeMux
	Gate     *Gate                    // what every request passes; nil: none
	Extend   func(*simulator.Service) // adds to what vcsim's endpoints have registered; nil: nothing

	Admin string                                // host:port of the admin port, on loopback; empty: none
	Pages func(*Server) map[string]http.Handler // what the admin port shows and does, by pattern of http.ServeMux
}

// Server is a vCenter that answers.
type Server struct {
	http  *simulator.Server
	admin *http.Server // nil: none
	gate  *Gate        // nil: none
	ready Ready

	outage sync.Mutex
	away   Outage // empty: it is there
}

// Start serves model over TLS. It returns when the port answers.
func Start(model *simulator.Model, opts Options) (*Server, error) {
	host, port, err := net.SplitHostPort(opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("-listen %q is not host:port, such as 127.0.0.1:8989 or 127.0.0.1:0", opts.Listen)
	}
	cert, err := certificate(opts.CertFile, opts.KeyFile, host)
	if err != nil {
		return nil, err
	}

	service := model.Service
	service.RegisterEndpoints = true
	enclosed := make(chan struct{})
	service.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		// vcsim listens and serves in one step: nobody may come in before the gate is there.
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { <-enclosed; return nil, nil }}
	// A *url.Userinfo of our own: vcsim lets any password in as long as the pointer is its simulator.DefaultLogin.
	service.Listen = &url.URL{Host: net.JoinHostPort(host, port), User: url.UserPassword(opts.Username, opts.Password)}
	if service.ServeMux == nil {
		service.ServeMux = http.NewServeMux()
	}
	for pattern, handler := range opts.Routes {
		service.ServeMux.Handle(pattern, handler)
	}

	vcsim, err := listen(service)
	if err != nil {
		return nil, err
	}
	if opts.Gate != nil {
		vcsim.Config.Handler = opts.Gate.enclose(vcsim.Config.Handler)
	}
	if opts.Extend != nil {
		opts.Extend(service)
	}
	close(enclosed)
	srv := &Server{http: vcsim, gate: opts.Gate, ready: Ready{
		URL:        (&url.URL{Scheme: vcsim.URL.Scheme, Host: vcsim.URL.Host, Path: vcsim.URL.Path}).String(),
		Username:   opts.Username,
		Thumbprint: thumbprint(cert),
		PID:        os.Getpid(),
	}}
	if opts.Admin != "" {
		pages := map[string]http.Handler{}
		if opts.Pages != nil {
			pages = opts.Pages(srv)
		}
		if srv.admin, err = startAdmin(opts.Admin, pages); err != nil {
			srv.Stop()
			return nil, err
		}
		srv.ready.Admin = "http://" + srv.admin.Addr
	}
	return srv, nil
}

// listen starts the HTTP server. The simulator panics when it cannot have the port; we answer with an error.
func listen(service *simulator.Service) (srv *simulator.Server, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s; is another program using the port?", strings.TrimPrefix(fmt.Sprint(cause), "httptest: "))
		}
	}()
	return service.NewServer(), nil
}

// Ready is what a parent needs to know to use this vCenter.
func (s *Server) Ready() Ready { return s.ready }

// URL gives where the server answers, with the credentials in it. It is never printed.
func (s *Server) URL() *url.URL { return s.http.URL }

// stopGrace bounds how long Stop waits for answers under way. A client's long poll may ask for minutes.
const stopGrace = 2 * time.Second

// Stop closes the ports and every connection, and waits no longer than stopGrace for the requests under way.
func (s *Server) Stop() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.admin != nil {
			_ = s.admin.Close()
		}
		s.outage.Lock()
		defer s.outage.Unlock()
		s.away = stopped
		_ = s.http.Listener.Close()
		s.http.CloseClientConnections()
		s.http.Close()
	}()
	select {
	case <-done:
	case <-time.After(stopGrace):
	}
}
