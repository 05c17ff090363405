package server

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"

	"github.com/vmware/govmomi/vim25/soap"

	"vrelocate/simulator/internal/faultplan"
)

// admit counts a request as one of its session, and tells whether there is room for it: a vCenter that has all the
// sessions that it takes does not talk to anybody without one.
func (g *Gate) admit(r *http.Request) (leave func(), admitted bool) {
	leave = func() {}
	if !isSOAP(r) {
		return leave, true // REST: see restSessions
	}
	if cookie, err := r.Cookie(soap.SessionCookieName); err == nil {
		live := false
		if leave, live = g.VCenter.EnterSession(cookie.Value); live {
			return leave, true
		}
	}
	return leave, !g.full()
}

// full tells whether there are as many sessions as there may be. Since vCenter 8.0 U3 those of the API and those of REST
// have one limit (Broadcom KB 375546).
func (g *Gate) full() bool {
	limit := g.MaxSessions()
	return limit > 0 && g.VCenter.OpenSessions()+g.rest.open() >= limit
}

// describe tells what rules want to know of a request. A SOAP call's body is read for that, and put back.
func (g *Gate) describe(r *http.Request) (faultplan.Call, error) {
	call := faultplan.Call{Path: r.URL.Path}
	if r.Method != http.MethodPost || r.Header.Get("SOAPAction") == "" && !isSOAP(r) {
		return call, nil
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return call, fmt.Errorf("reading the request: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	asked := peek(body)
	call.Method = asked.method
	call.Entity = func() string { return g.VCenter.Subject(asked.kind, asked.id, asked.arguments) }
	return call, nil
}

// soapCall is what a SOAP request says at first sight.
type soapCall struct {
	method    string            // the body's first element
	kind, id  string            // of the managed object that is called
	arguments map[string]string // those that are plain text
}

// peek looks into a SOAP request as far as it is well-formed.
func peek(request []byte) (call soapCall) {
	call.arguments = make(map[string]string)
	decoder := xml.NewDecoder(bytes.NewReader(request))
	depth, bodyAt, argument := 0, 0, ""
	for {
		token, err := decoder.RawToken()
		if err != nil {
			return call
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			switch {
			case depth == 2 && t.Name.Local == "Body": // of the envelope
				bodyAt = depth
			case bodyAt > 0 && depth == bodyAt+1:
				call.method = t.Name.Local
			case bodyAt > 0 && depth == bodyAt+2:
				argument = t.Name.Local
				for _, attribute := range t.Attr {
					if argument == "_this" && attribute.Name.Local == "type" {
						call.kind = attribute.Value
					}
				}
			}
		case xml.CharData:
			switch {
			case bodyAt == 0 || depth != bodyAt+2:
			case argument == "_this":
				call.id += string(t)
			default:
				call.arguments[argument] += string(t)
			}
		case xml.EndElement:
			depth--
			if bodyAt > 0 && depth <= bodyAt {
				return call // the method's element has ended
			}
		}
	}
}
