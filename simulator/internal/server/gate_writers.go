package server

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
)

// countedWriter counts what crosses a connection for one request.
type countedWriter struct {
	http.ResponseWriter
	status   int
	sent     int64
	received atomic.Int64 // a request's body may be read by another goroutine
}

// count begins to count.
func count(w http.ResponseWriter, r *http.Request) *countedWriter {
	counted := &countedWriter{ResponseWriter: w, status: http.StatusOK}
	r.Body = &countedBody{r.Body, &counted.received}
	return counted
}

// WriteHeader implements http.ResponseWriter.
func (w *countedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *countedWriter) Write(content []byte) (int, error) {
	n, err := w.ResponseWriter.Write(content)
	w.sent += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what the true writer can do.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type countedBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

// Read implements io.Reader.
func (b *countedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.bytes.Add(int64(n))
	return n, err
}

// heldWriter keeps an answer back.
type heldWriter struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func hold(w http.ResponseWriter) *heldWriter {
	return &heldWriter{to: w, header: make(http.Header), status: http.StatusOK}
}

// Header implements http.ResponseWriter.
func (w *heldWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *heldWriter) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *heldWriter) Write(content []byte) (int, error) { return w.body.Write(content) }

// release gives the answer out.
func (w *heldWriter) release() {
	for name, values := range w.header {
		w.to.Header()[name] = values
	}
	w.to.WriteHeader(w.status)
	_, _ = w.to.Write(w.body.Bytes())
}
