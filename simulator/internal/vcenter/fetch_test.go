package vcenter_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// pyVmomi reads every attribute with Fetch, a method that govmomi's client does not have.
const fetch = `<?xml version="1.0"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<Fetch xmlns="urn:vim25"><_this type="%s">%s</_this><prop>%s</prop></Fetch>
</soapenv:Body></soapenv:Envelope>`

func TestFetch(t *testing.T) {
	l := start(t, inventory, fast)
	vm, instance := l.vm("vm-1").Reference(), vim25.ServiceInstance
	cases := map[string]struct {
		of    types.ManagedObjectReference
		wants string
	}{
		"name":     {vm, `:type="xsd:string">vm-1</returnval>`},
		"snapshot": {vm, "FetchResponse"}, // unset
		"runtime":  {vm, "<faultToleranceState>notConfigured</faultToleranceState>"},
		"content":  {instance, `<vStorageObjectManager type="VcenterVStorageObjectManager">`},
	}
	for property, c := range cases {
		t.Run(property, func(t *testing.T) {
			body := strings.NewReader(fmt.Sprintf(fetch, c.of.Type, c.of.Value, property))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.client.URL().String(), body)
			l.must(err)
			err = l.client.Client.Client.Do(t.Context(), req, func(res *http.Response) error {
				content, err := io.ReadAll(res.Body)
				if !strings.Contains(string(content), c.wants) || strings.Contains(string(content), "RetrieveProperties") {
					t.Errorf("no %s in\n%s", c.wants, content)
				}
				return err
			})
			l.must(err)
		})
	}
}
