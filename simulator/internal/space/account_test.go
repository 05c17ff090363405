package space

import (
	"errors"
	"testing"
)

func TestAccount(t *testing.T) {
	a := NewAccount(100, 10)
	steps := []struct {
		name string
		do   func() error
		free int64
	}{
		{"empty", func() error { return nil }, 90},
		{"a file", func() error { return a.Set("vm/disk.vmdk", 50) }, 40},
		{"it grows", func() error { return a.Set("vm/disk.vmdk", 60) }, 30},
		{"it shrinks", func() error { return a.Set("vm/disk.vmdk", 20) }, 70},
		{"another beside it", func() error { return a.Set("vm/vm.vmx", 5) }, 65},
		{"another elsewhere", func() error { return a.Set("vm2/vm.vmx", 5) }, 60},
		{"all of a folder goes", func() error { a.Remove("vm"); return nil }, 85},
		{"what is not there goes", func() error { a.Remove("vm"); return nil }, 85},
		{"a folder is counted anew", func() error { a.Replace("vm2", map[string]int64{"vm2/a": 7, "vm2/b": 8}); return nil }, 75},
		{"everything is counted anew", func() error { a.Replace("", map[string]int64{"x": 30}); return nil }, 60},
		{"just full", func() error { return a.Set("y", 60) }, 0},
		{"more is found than fits", func() error { a.Replace("", map[string]int64{"x": 300}); return nil }, 0},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if a.Free() != step.free {
			t.Fatalf("%s: %d free, want %d", step.name, a.Free(), step.free)
		}
	}
	if bytes, known := a.Of("x"); !known || bytes != 300 {
		t.Errorf("x takes %d, %v", bytes, known)
	}
	if a.Capacity() != 100 {
		t.Errorf("capacity %d", a.Capacity())
	}
}

func TestFullAccountRefuses(t *testing.T) {
	a := NewAccount(100, 0)
	if err := a.Set("a", 70); err != nil {
		t.Fatal(err)
	}
	err := a.Set("b", 31)
	var full *NoSpaceError
	if !errors.As(err, &full) || full.NeedBytes != 31 || full.FreeBytes != 30 {
		t.Errorf("%v", err)
	}
	if _, known := a.Of("b"); known || a.Free() != 30 {
		t.Errorf("what was refused was counted: %d free", a.Free())
	}
}
