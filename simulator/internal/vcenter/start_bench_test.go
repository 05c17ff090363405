package vcenter_test

import (
	"testing"

	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/simulation"
)

// BenchmarkStart makes 2,000 VMs with two disks each and serves them.
func BenchmarkStart(b *testing.B) {
	described, err := scenario.Parse([]byte(crowd(2000)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sim, err := simulation.Start(b.Context(), simulation.Config{Scenario: described,
			Server: server.Options{Listen: "127.0.0.1:0", Username: "user", Password: "pass"}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		sim.Stop()
		b.StartTimer()
	}
}
