package space

import (
	"strings"

	"vrelocate/simulator/internal/disk"
)

// Count is a look at the files of a datastore that others go on changing meanwhile. What was seen of a file is as old as
// the moment in which it was looked at, so a count says nothing of files that were changed since it began: of those, the
// account knows better.
type Count struct {
	account *Account
	changed map[string]bool // files and folders that were changed since it began
}

// Count begins to count. End it with Replace or Drop.
func (a *Account) Count() *Count {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &Count{account: a, changed: make(map[string]bool)}
	for path := range a.changing {
		c.changed[path] = true
	}
	a.counts[c] = struct{}{}
	return c
}

// Drop ends a count of which nothing came.
func (c *Count) Drop() {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	delete(c.account.counts, c)
}

// Replace ends a count: a folder's files take what was found there, as Account.Replace has it, except for those that
// were changed since the count began.
func (c *Count) Replace(folder string, found map[string]int64) {
	a := c.account
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.counts, c)
	a.replace(folder, found, c.knows)
}

// knows tells whether what was seen of a file is still so.
func (c *Count) knows(file string) bool {
	for at := counted(file); ; at = at[:strings.LastIndexByte(at, '/')] {
		if c.changed[at] {
			return false
		}
		if !strings.Contains(at, "/") {
			return !c.changed[""]
		}
	}
}

// Change tells that a file, or a folder with all that is in it, is being changed: until done is called, what it takes is
// what Set says, whatever a count sees. It is for space that is taken before a file has it. Where the file changes first
// and Set or Remove follows, they are enough.
func (a *Account) Change(path string) (done func()) {
	path = counted(path)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changing[path]++
	a.note(path)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.changing[path]--; a.changing[path] == 0 {
			delete(a.changing, path)
		}
	}
}

// Changed tells that something else than the account's owner changed a file, or a folder: a count that began before this
// says nothing of it.
func (a *Account) Changed(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(path)
}

// note tells the counts that are going on of a change. The account's lock is held.
func (a *Account) note(path string) {
	for c := range a.counts {
		c.changed[counted(path)] = true
	}
}

// counted gives the file that a file counts with: an extent changes when its disk does.
func counted(path string) string {
	if disk.IsExtent(path) {
		return disk.Descriptor(path)
	}
	return path
}
