package server

import (
	"maps"
	"testing"
)

func TestPeek(t *testing.T) {
	const pyvmomi = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header><Body>no</Body></soapenv:Header>
<soapenv:Body><RelocateVM_Task xmlns="urn:vim25"><_this versionId="8.0" type="VirtualMachine">vm-42</_this><spec><datastore
type="Datastore">datastore-1</datastore></spec><priority>highPriority</priority></RelocateVM_Task></soapenv:Body></soapenv:Envelope>`
	const govmomi = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><MoveVirtualDisk_Task xmlns="urn:vim25">` +
		`<_this type="VirtualDiskManager">virtualDiskManager</_this><sourceName>[a] x &amp; y.vmdk</sourceName><force>true</force>` +
		`</MoveVirtualDisk_Task></Body></Envelope>`
	cases := map[string]struct {
		request string
		want    soapCall
	}{
		"pyVmomi's": {pyvmomi, soapCall{"RelocateVM_Task", "VirtualMachine", "vm-42", map[string]string{"priority": "highPriority"}}},
		"govmomi's": {govmomi, soapCall{"MoveVirtualDisk_Task", "VirtualDiskManager", "virtualDiskManager",
			map[string]string{"sourceName": "[a] x & y.vmdk", "force": "true"}}},
		"nothing":     {"", soapCall{}},
		"no XML":      {"{}", soapCall{}},
		"cut in half": {govmomi[:150], soapCall{method: "MoveVirtualDisk_Task", kind: "VirtualDiskManager", id: "virtualDisk"}},
	}
	for name, c := range cases {
		got := peek([]byte(c.request))
		delete(got.arguments, "spec")
		if got.method != c.want.method || got.kind != c.want.kind || got.id != c.want.id || !maps.Equal(got.arguments, c.want.arguments) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
