package space

import "testing"

func TestGrowthIsSummedByOwner(t *testing.T) {
	a := NewAccount(100, 10)
	steps := []struct {
		name  string
		owner string
		bytes int64
		sum   int64
	}{
		{"a VM with a thin disk", "vm-1", 60, 60},
		{"another: more than there is", "vm-2", 70, 130},
		{"the first one's disk is written to", "vm-1", 20, 90},
		{"it is gone", "vm-1", 0, 70},
		{"it is gone once more", "vm-1", 0, 70},
		{"so is the other", "vm-2", 0, 0},
	}
	for _, step := range steps {
		a.SetGrowth(step.owner, step.bytes)
		if sum := a.Uncommitted(); sum != step.sum {
			t.Fatalf("%s: %d uncommitted, want %d", step.name, sum, step.sum)
		}
	}
	if len(a.growth) != 0 {
		t.Errorf("owners that are gone are kept: %v", a.growth)
	}
	if a.Free() != 90 {
		t.Errorf("growth that may come took space: %d free", a.Free())
	}
}

func TestDatastoreFillsUpAndIsEnlarged(t *testing.T) {
	a := NewAccount(100, 0)
	if err := a.Set("disk.vmdk", 60); err != nil {
		t.Fatal(err)
	}
	a.SetElsewhere(50)
	if a.Free() != 0 {
		t.Errorf("%d free of a full datastore", a.Free())
	}
	if err := a.Set("disk.vmdk", 61); err == nil {
		t.Error("a file grew on a full datastore")
	}
	a.SetCapacity(120)
	if a.Capacity() != 120 || a.Free() != 10 {
		t.Errorf("capacity %d, %d free", a.Capacity(), a.Free())
	}
}
