package vcenter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"vrelocate/simulator/internal/bandwidth"
	"vrelocate/simulator/internal/disk"
)

// filePart is what a Content-Range says, in bytes from the file's beginning: "bytes 100-199/1000".
type filePart struct {
	first, last int64
	total       int64 // of the whole file; unknownTotal for "*"
}

const unknownTotal = -1

// contentRange reads a request's Content-Range; nil without one.
func contentRange(r *http.Request) (*filePart, error) {
	header := r.Header.Get("Content-Range")
	if header == "" {
		return nil, nil
	}
	unit, rest, _ := strings.Cut(header, " ")
	span, total, _ := strings.Cut(rest, "/")
	first, last, _ := strings.Cut(span, "-")
	part := &filePart{total: unknownTotal}
	var errFirst, errLast, errTotal error
	part.first, errFirst = strconv.ParseInt(first, 10, 64)
	part.last, errLast = strconv.ParseInt(last, 10, 64)
	if total != "*" {
		part.total, errTotal = strconv.ParseInt(total, 10, 64)
	}
	switch {
	case unit != "bytes" || errors.Join(errFirst, errLast, errTotal) != nil || part.first < 0 || part.last < part.first ||
		part.total != unknownTotal && part.last >= part.total:
		return nil, fmt.Errorf("Content-Range %q is not bytes first-last/total", header)
	case r.ContentLength >= 0 && r.ContentLength != part.last-part.first+1:
		return nil, fmt.Errorf("Content-Range %q is not as long as the body", header)
	}
	return part, nil
}

// upload is a file that arrives.
type upload struct {
	vc   *VCenter
	at   place
	part *filePart // nil: the whole file
	end  int64     // where the last byte that arrived ends
	told time.Time // when the datastore's free space was last made known
}

// chunk is how much of an upload is held in memory.
const chunk = 256 << 10

// receive writes what arrives, as fast as the datastore takes it.
func (u *upload) receive(r *http.Request) (err error) {
	if err := u.at.makeAbove(); err != nil {
		return err
	}
	flags := os.O_CREATE | os.O_WRONLY
	if u.part == nil {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(u.at.file(), flags, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	length := info.Size()
	if u.part != nil {
		u.end = u.part.first
	}
	u.countApart(length)
	link := u.vc.network.Open(u.at.store.ref.Value)
	defer link.Close()
	buffer := make([]byte, chunk)
	for {
		n, readErr := io.ReadFull(r.Body, buffer)
		if n > 0 {
			if length, err = u.write(r, link, file, buffer[:n], length); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) && r.Context().Err() == nil && u.whole(r):
			return u.finish(file)
		case readErr != nil:
			return readErr
		}
	}
}

// whole tells whether all that was announced has arrived: a connection that breaks looks like an end, too.
func (u *upload) whole(r *http.Request) bool {
	switch {
	case u.part != nil:
		return u.end == u.part.last+1
	case r.ContentLength >= 0:
		return u.end == r.ContentLength
	}
	return true
}

// write puts a piece at the file's end so far. It gives the file's length.
func (u *upload) write(r *http.Request, link *bandwidth.Stream, file *os.File, piece []byte, length int64) (int64, error) {
	if err := link.Take(r.Context(), len(piece)); err != nil {
		return length, err
	}
	end := u.end + int64(len(piece))
	if err := u.at.store.account.Set(u.at.name, max(length, end)); err != nil {
		return length, err
	}
	if u.end >= length && allZero(piece) {
		// A hole reads the same and takes no space of this machine.
		if err := file.Truncate(end); err != nil {
			return length, err
		}
	} else if _, err := file.WriteAt(piece, u.end); err != nil {
		return length, err
	}
	u.vc.ledger.Received(u.at.store.name, int64(len(piece)))
	u.end = end
	if time.Since(u.told) >= showEvery {
		u.told = time.Now()
		u.vc.publish(u.vc.newContext(), u.at.store)
	}
	return max(length, end), nil
}

// countApart counts the file by itself while it arrives: an extent else counts with its descriptor.
func (u *upload) countApart(length int64) {
	account := u.at.store.account
	if disk.IsExtent(u.at.name) {
		account.Remove(disk.Descriptor(u.at.name))
	}
	account.Remove(u.at.name)
	account.Replace(u.at.name, map[string]int64{u.at.name: length})
}

// finish gives the file the length that a last part says.
func (u *upload) finish(file *os.File) error {
	if u.part != nil && u.part.total == u.end {
		return file.Truncate(u.end)
	}
	return nil
}

// settle makes the datastore's account true, whatever became of the upload. Bytes that were uploaded are written, also
// where they are zeros: the disk that they belong to takes them.
func (u *upload) settle() {
	if name := u.at.name; disk.IsExtent(name) {
		descriptor := u.at.store.file(disk.Descriptor(name))
		if d, err := disk.Read(descriptor); err == nil && d.WrittenBytes < u.end {
			d.WrittenBytes = min(u.end, d.CapacityBytes)
			_ = disk.Describe(descriptor, d) // else it is as it was
		}
	}
	u.at.store.recount(u.at.name)
	u.vc.publish(u.vc.newContext(), u.at.store)
}

// zeros is for comparing: bytes.Equal is faster than any loop.
var zeros = make([]byte, chunk)

func allZero(piece []byte) bool { return bytes.Equal(piece, zeros[:len(piece)]) }
