package space

// SetGrowth records how many bytes an owner of files, a VM, may still come to take of the datastore without asking
// again: its thin disks grow. 0 forgets the owner.
func (a *Account) SetGrowth(owner string, bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.uncommitted += bytes - a.growth[owner]
	if bytes == 0 {
		delete(a.growth, owner)
		return
	}
	a.growth[owner] = bytes
}

// Uncommitted gives the sum of all growth, in bytes. It may be more than what is free: that is what thin disks are for.
func (a *Account) Uncommitted() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.uncommitted
}
