package vcenter_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// pyVmomi reads every attribute with Fetch, a method that govmomi's client does not have.
const fetch = `<?xml version="1.0"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<Fetch xmlns="urn:vim25"><_this type="VirtualMachine">%s</_this><prop>%s</prop></Fetch>
</soapenv:Body></soapenv:Envelope>`

func TestFetch(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	cases := map[string]string{
		"name":     `:type="xsd:string">vm-1</returnval>`,
		"snapshot": "FetchResponse", // unset
		"runtime":  "<faultToleranceState>notConfigured</faultToleranceState>",
	}
	for property, want := range cases {
		t.Run(property, func(t *testing.T) {
			body := strings.NewReader(fmt.Sprintf(fetch, vm.Reference().Value, property))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.client.URL().String(), body)
			l.must(err)
			err = l.client.Client.Client.Do(t.Context(), req, func(res *http.Response) error {
				content, err := io.ReadAll(res.Body)
				if !strings.Contains(string(content), want) || strings.Contains(string(content), "RetrieveProperties") {
					t.Errorf("no %s in\n%s", want, content)
				}
				return err
			})
			l.must(err)
		})
	}
}
