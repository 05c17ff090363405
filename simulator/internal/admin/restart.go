package admin

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"time"

	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/vcenter"
)

// outage is how a vCenter is asked to go away.
type outage struct {
	Down    scenario.Span `yaml:"down"`    // for how long; 0: it is back at once
	As      server.Outage `yaml:"as"`      // default refused
	Tasks   string        `yaml:"tasks"`   // keep (the default) or forget
	Running string        `yaml:"running"` // fail (the default) or continue
}

func readOutage(r *http.Request) (o outage, err error) {
	if err := read(r, &o); err != nil {
		return o, err
	}
	o.As = cmp.Or(o.As, server.Refused)
	o.Tasks, o.Running = cmp.Or(o.Tasks, "keep"), cmp.Or(o.Running, "fail")
	switch {
	case o.Tasks != "keep" && o.Tasks != "forget":
		return o, fmt.Errorf("tasks is %q; write keep or forget", o.Tasks)
	case o.Running != "fail" && o.Running != "continue":
		return o, fmt.Errorf("running is %q; write fail or continue", o.Running)
	case o.As != server.Refused && o.As != server.Unavailable:
		return o, fmt.Errorf("as is %q; write %s or %s", o.As, server.Refused, server.Unavailable)
	}
	return o, nil
}

// restart takes the vCenter away, and brings it back when the time is up. It answers when it is away, or when it is back
// already if it should be at once.
func (c *Controls) restart(r *http.Request) (any, error) {
	asked, err := readOutage(r)
	if err != nil {
		return nil, err
	}
	c.restarting.Lock()
	defer c.restarting.Unlock()
	if err := c.goAway(asked); err != nil {
		return nil, err
	}
	if asked.Down > 0 {
		c.coming = time.AfterFunc(time.Duration(asked.Down), func() {
			c.restarting.Lock()
			defer c.restarting.Unlock()
			if err := c.comeBack(); err != nil {
				log.Printf("coming back after a restart: %s", err)
			}
		})
		return c.show(r)
	}
	if err := c.comeBack(); err != nil {
		return nil, err
	}
	return c.show(r)
}

// stop takes the vCenter away until it is told to start.
func (c *Controls) stop(r *http.Request) (any, error) {
	asked, err := readOutage(r)
	if err != nil {
		return nil, err
	}
	if asked.Down != 0 {
		return nil, fmt.Errorf("down is of POST /vrelocate/restart; what is stopped stays away until POST /vrelocate/start")
	}
	c.restarting.Lock()
	defer c.restarting.Unlock()
	if err := c.goAway(asked); err != nil {
		return nil, err
	}
	return c.show(r)
}

// start brings the vCenter back, also before the time of a restart is up.
func (c *Controls) start(r *http.Request) (any, error) {
	c.restarting.Lock()
	defer c.restarting.Unlock()
	if c.coming != nil {
		c.coming.Stop()
	}
	if err := c.comeBack(); err != nil {
		return nil, err
	}
	return c.show(r)
}

func (c *Controls) goAway(asked outage) error {
	if err := c.Server.GoAway(asked.As); err != nil {
		return err
	}
	c.VCenter.Restart(vcenter.RestartOptions{ForgetTasks: asked.Tasks == "forget", FailRunning: asked.Running == "fail"})
	c.Server.DropREST("")
	return nil
}

func (c *Controls) comeBack() error {
	if c.Server.Away() == "" {
		return nil
	}
	c.VCenter.DropSessions("") // of a login that was under way when the connections were cut
	c.Server.DropREST("")
	return c.Server.ComeBack()
}
