package admin

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/scenario"
)

// rules is a list of rules; never null in JSON.
func rules(some []faultplan.Rule) any {
	return map[string][]faultplan.Rule{"faults": append([]faultplan.Rule{}, some...)}
}

func (c *Controls) listFaults(*http.Request) (any, error) { return rules(c.Faults.Rules()), nil }

func (c *Controls) addFaults(r *http.Request) (any, error) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	faults, err := scenario.ParseFaults(content)
	if err != nil {
		return nil, err
	}
	added, err := c.Faults.Add(faults)
	if err != nil {
		return nil, err
	}
	return rules(added), nil
}

func (c *Controls) liftAllFaults(*http.Request) (any, error) {
	return map[string]int{"lifted": c.Faults.LiftAll()}, nil
}

func (c *Controls) liftFault(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, fmt.Errorf("%q is no fault's id; GET /vrelocate/faults lists them", r.PathValue("id"))
	}
	if !c.Faults.Lift(id) {
		return nil, &unknownError{fmt.Errorf("there is no fault %d; GET /vrelocate/faults lists them", id)}
	}
	return map[string]int{"lifted": 1}, nil
}
