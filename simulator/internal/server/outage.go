package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// Outage is how a vCenter is away.
type Outage string

// The kinds of outage.
const (
	// Refused: connections are refused, as by a machine whose vCenter is not running.
	Refused Outage = "refused"
	// Unavailable: every request is answered with 503, as by the proxy before vpxd, which runs on while vpxd restarts.
	Unavailable Outage = "unavailable"
	// stopped: it does not come back.
	stopped Outage = "stopped"
)

// GoAway cuts every connection and takes the vCenter off the network. What was asked before may still be carried out.
func (s *Server) GoAway(how Outage) error {
	s.outage.Lock()
	defer s.outage.Unlock()
	if s.away != "" {
		return fmt.Errorf("it is away already (%s)", s.away)
	}
	switch how {
	case Unavailable:
		s.gate.away.Store(true)
	case Refused:
		_ = s.http.Listener.Close()
	default:
		return fmt.Errorf("%q is no kind of outage; write %s or %s", how, Refused, Unavailable)
	}
	s.away = how
	s.http.CloseClientConnections()
	return nil
}

// ComeBack puts the vCenter on the network again, at the same address and with the same certificate.
func (s *Server) ComeBack() error {
	s.outage.Lock()
	defer s.outage.Unlock()
	switch s.away {
	case "", stopped:
		return nil
	case Unavailable:
		s.gate.away.Store(false)
	case Refused:
		listener, err := listenAgain(s.http.Listener.Addr().String())
		if err != nil {
			return err
		}
		s.http.Listener = tls.NewListener(listener, s.http.TLS)
		go func(l net.Listener) { _ = s.http.Config.Serve(l) }(s.http.Listener) // ends with the listener
	}
	s.away = ""
	return nil
}

// Away tells how the vCenter is away; empty: it is there.
func (s *Server) Away() Outage {
	s.outage.Lock()
	defer s.outage.Unlock()
	return s.away
}

// listenPatience is how long we wait for a port that somebody has borrowed for a connection of his own meanwhile.
const listenPatience = 10 * time.Second

// listenAgain takes a port that we had before.
func listenAgain(address string) (listener net.Listener, err error) {
	for deadline := time.Now().Add(listenPatience); ; time.Sleep(20 * time.Millisecond) {
		if listener, err = net.Listen("tcp", address); err == nil || time.Now().After(deadline) {
			return listener, err
		}
	}
}

// DropREST ends the sessions of the REST API of a user, or all if the user is empty, and tells how many there were.
func (s *Server) DropREST(user string) int {
	if s.gate == nil {
		return 0
	}
	return s.gate.rest.drop(user)
}
