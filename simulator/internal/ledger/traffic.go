package ledger

// Traffic counts the bytes of one datastore.
type Traffic struct {
	ReadBytes     int64 `json:"read_bytes"`     // by copies
	WrittenBytes  int64 `json:"written_bytes"`  // by copies, and zeros of disks that are made
	SentBytes     int64 `json:"sent_bytes"`     // to clients, over /folder
	ReceivedBytes int64 `json:"received_bytes"` // from clients, over /folder
}

// Moved counts bytes copied from one datastore to another.
func (l *Ledger) Moved(from, to string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic(from).ReadBytes += bytes
	l.traffic(to).WrittenBytes += bytes
}

// Zeroed counts bytes of zeros written to a datastore, of disks that are made or made larger.
func (l *Ledger) Zeroed(datastore string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic(datastore).WrittenBytes += bytes
}

// Sent counts bytes of a datastore's file that a client got.
func (l *Ledger) Sent(from string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic(from).SentBytes += bytes
}

// Received counts bytes that a client put into a datastore's file.
func (l *Ledger) Received(to string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic(to).ReceivedBytes += bytes
}

func (l *Ledger) traffic(datastore string) *Traffic {
	if l.page.Datastores[datastore] == nil {
		l.page.Datastores[datastore] = new(Traffic)
	}
	return l.page.Datastores[datastore]
}
