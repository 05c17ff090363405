package ledger

// Sent counts bytes that a client read of a datastore's files.
func (l *Ledger) Sent(datastore string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic(datastore).ReadBytes += bytes
}

// Received counts bytes that a client wrote to a datastore's files.
func (l *Ledger) Received(datastore string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic(datastore).WrittenBytes += bytes
}

func (l *Ledger) traffic(datastore string) *Traffic {
	if l.page.Datastores[datastore] == nil {
		l.page.Datastores[datastore] = new(Traffic)
	}
	return l.page.Datastores[datastore]
}
