package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/vcenter"
)

func (c *Controls) setClock(r *http.Request) (any, error) {
	var wanted scenario.Clock
	if err := read(r, &wanted); err != nil {
		return nil, err
	}
	c.VCenter.SetClockOffset(time.Duration(wanted.Offset))
	return c.show(r)
}

// connections are what a host's connection can be.
var connections = []types.HostSystemConnectionState{
	types.HostSystemConnectionStateConnected,
	types.HostSystemConnectionStateDisconnected,
	types.HostSystemConnectionStateNotResponding,
}

func (c *Controls) changeHost(r *http.Request) (any, error) {
	var wanted struct {
		Connection types.HostSystemConnectionState `yaml:"connection"`
	}
	if err := read(r, &wanted); err != nil {
		return nil, err
	}
	if !slices.Contains(connections, wanted.Connection) {
		return nil, fmt.Errorf("connection is %q; write one of %v", wanted.Connection, connections)
	}
	if err := c.VCenter.ConnectHost(r.PathValue("name"), wanted.Connection); err != nil {
		return nil, &unknownError{err}
	}
	return map[string]any{"connection": wanted.Connection}, nil
}

// datastoreChange is what a datastore is asked to go through.
type datastoreChange struct {
	Accessible    *bool          `yaml:"accessible"`
	Capacity      *scenario.Size `yaml:"capacity"`
	UsedElsewhere *scenario.Size `yaml:"used_elsewhere"`
	Rate          *scenario.Rate `yaml:"rate"`
	Stalled       *bool          `yaml:"stalled"` // its rate is 0
}

func (c *Controls) changeDatastore(r *http.Request) (any, error) {
	var wanted datastoreChange
	if err := read(r, &wanted); err != nil {
		return nil, err
	}
	change := vcenter.DatastoreChange{
		Accessible:         wanted.Accessible,
		CapacityBytes:      (*int64)(wanted.Capacity),
		UsedElsewhereBytes: (*int64)(wanted.UsedElsewhere),
		BytesPerSecond:     (*int64)(wanted.Rate),
	}
	switch {
	case wanted == datastoreChange{}:
		return nil, errors.New("nothing is to change; write accessible, capacity, used_elsewhere, rate or stalled")
	case wanted.Stalled != nil && !*wanted.Stalled:
		return nil, errors.New("what is stalled goes on when it is given a rate: 500MB/s")
	case wanted.Stalled != nil && wanted.Rate != nil:
		return nil, errors.New("stalled is a rate of 0: write one of both")
	case wanted.Stalled != nil:
		change.BytesPerSecond = new(int64)
	}
	if err := c.VCenter.ChangeDatastore(r.PathValue("name"), change); err != nil {
		return nil, &unknownError{err}
	}
	return map[string]any{}, nil
}
