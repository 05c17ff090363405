package vcenter_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// ask asks the admin port and gives the status and the answer.
func (l *lab) askAdmin(method, path, body string) (int, string) {
	l.Helper()
	req, err := http.NewRequestWithContext(l.Context(), method, l.sim.Ready().Admin+"/vrelocate"+path, strings.NewReader(body))
	l.must(err)
	res, err := http.DefaultClient.Do(req)
	l.must(err)
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	l.must(err)
	return res.StatusCode, string(content)
}

// admin has the admin port do something, and reads its answer.
func (l *lab) admin(method, path, body string) (answer map[string]any) {
	l.Helper()
	status, content := l.askAdmin(method, path, body)
	if status != http.StatusOK {
		l.Fatalf("%s %s: %d %s", method, path, status, content)
	}
	l.must(json.Unmarshal([]byte(content), &answer))
	return answer
}

// plant asks for a fault and gives its id as a path.
func (l *lab) plant(fault string) string {
	l.Helper()
	planted := l.admin("POST", "/faults", fault)["faults"].([]any)
	id, err := json.Marshal(planted[0].(map[string]any)["id"])
	l.must(err)
	return "/faults/" + string(id)
}
