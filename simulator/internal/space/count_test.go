package space

import "testing"

// TestFilesChangeWhileTheyAreCounted looks at a datastore with one file, kept/disk.vmdk of 10 bytes, and at a folder that is
// changed in the midst of it.
func TestFilesChangeWhileTheyAreCounted(t *testing.T) {
	cases := []struct {
		name      string
		before    func(a *Account) (meanwhile func())
		found     map[string]int64 // besides kept/disk.vmdk, which has grown to 11 without our doing
		used      int64            // besides it
		afterward func(a *Account)
	}{
		{
			name:  "nothing changes",
			found: map[string]int64{"vm/disk.vmdk": 20},
			used:  20,
		},
		{
			name: "a disk that was seen is moved away",
			before: func(a *Account) func() {
				mustSet(t, a, "vm/disk.vmdk", 20)
				return func() { a.Remove("vm/disk.vmdk") }
			},
			found: map[string]int64{"vm/disk.vmdk": 20},
		},
		{
			name:   "a disk arrives that was not seen",
			before: func(a *Account) func() { return func() { mustSet(t, a, "vm/disk.vmdk", 20) } },
			used:   20,
		},
		{
			name:   "a disk arrives whose extent was seen without its descriptor",
			before: func(a *Account) func() { return func() { mustSet(t, a, "vm/disk.vmdk", 20) } },
			found:  map[string]int64{"vm/disk-flat.vmdk": 40},
			used:   20,
		},
		{
			name:      "so it does, but it is told of when the count is over",
			found:     map[string]int64{"vm/disk-flat.vmdk": 40},
			used:      20,
			afterward: func(a *Account) { mustSet(t, a, "vm/disk.vmdk", 20) },
		},
		{
			name:      "an extent is seen of which the descriptor is deleted",
			before:    func(a *Account) func() { mustSet(t, a, "vm/disk.vmdk", 20); return func() {} },
			found:     map[string]int64{"vm/disk-delta.vmdk": 40},
			afterward: func(a *Account) { a.Remove("vm/disk.vmdk") },
		},
		{
			name: "a copy has taken space that its file does not show",
			before: func(a *Account) func() {
				done := a.Change("vm/disk.vmdk")
				mustSet(t, a, "vm/disk.vmdk", 20)
				t.Cleanup(done)
				return func() {}
			},
			found: map[string]int64{"vm/disk.vmdk": 0},
			used:  20,
		},
		{
			name: "a copy that ends meanwhile",
			before: func(a *Account) func() {
				done := a.Change("vm/disk.vmdk")
				mustSet(t, a, "vm/disk.vmdk", 20)
				return done
			},
			found: map[string]int64{"vm/disk.vmdk": 0},
			used:  20,
		},
		{
			name: "a copy that had ended before",
			before: func(a *Account) func() {
				done := a.Change("vm/disk.vmdk")
				mustSet(t, a, "vm/disk.vmdk", 20)
				done()
				return func() {}
			},
			found: map[string]int64{"vm/disk.vmdk": 15},
			used:  15,
		},
		{
			name: "a folder is deleted",
			before: func(a *Account) func() {
				mustSet(t, a, "vm/deep/disk.vmdk", 20)
				return func() { a.Remove("vm") }
			},
			found: map[string]int64{"vm/deep/disk.vmdk": 20},
		},
		{
			name: "another changes a folder, and it is counted by itself",
			before: func(a *Account) func() {
				return func() {
					a.Changed("vm")
					a.Count().Replace("vm", map[string]int64{"vm/new.vmdk": 30})
				}
			},
			found: map[string]int64{"vm/old.vmdk": 20},
			used:  30,
		},
		{
			name: "another counts the same, and was the first to see a change",
			before: func(a *Account) func() {
				return func() { a.Count().Replace("", map[string]int64{"vm/disk.vmdk": 15}) }
			},
			found: map[string]int64{"vm/disk.vmdk": 20},
			used:  20,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := NewAccount(1000, 0)
			mustSet(t, a, "kept/disk.vmdk", 10)
			meanwhile := func() {}
			if c.before != nil {
				meanwhile = c.before(a)
			}
			count := a.Count()
			meanwhile()
			found := map[string]int64{"kept/disk.vmdk": 11}
			for file, bytes := range c.found {
				found[file] = bytes
			}
			count.Replace("", found)
			if c.afterward != nil {
				c.afterward(a)
			}
			if used := 1000 - a.Free(); used != 11+c.used {
				t.Errorf("%d bytes are taken, want %d: %v", used, 11+c.used, a.files)
			}
			if len(a.counts) != 0 {
				t.Errorf("%d counts are still told of changes", len(a.counts))
			}
		})
	}
}

func TestCountOfNothing(t *testing.T) {
	a := NewAccount(100, 0)
	mustSet(t, a, "disk.vmdk", 10)
	a.Count().Drop()
	if a.Free() != 90 || len(a.counts) != 0 {
		t.Errorf("%d free, %d counts are going on", a.Free(), len(a.counts))
	}
}

func TestTwoChangeTheSame(t *testing.T) {
	a := NewAccount(100, 0)
	first, second := a.Change("disk-flat.vmdk"), a.Change("disk.vmdk")
	mustSet(t, a, "disk.vmdk", 10)
	seen := map[string]int64{"disk.vmdk": 1}
	for n, step := range []func(){func() {}, first, second} {
		step()
		a.Count().Replace("", seen)
		if want := []int64{90, 90, 99}[n]; a.Free() != want {
			t.Errorf("%d of them are done: %d free, want %d", n, a.Free(), want)
		}
	}
	if len(a.changing) != 0 {
		t.Errorf("changes that are over are kept: %v", a.changing)
	}
}

func mustSet(t *testing.T, a *Account, path string, bytes int64) {
	t.Helper()
	if err := a.Set(path, bytes); err != nil {
		t.Fatal(err)
	}
}
