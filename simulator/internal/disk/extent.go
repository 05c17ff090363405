package disk

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// CopyExtent copies what lies in a disk's extent to another disk's.
func CopyExtent(from, to string) error { return CopySparse(Extent(from), Extent(to)) }

// CopySparse copies a file. Only what was really written is copied: an extent is sparse, and a disk of terabytes is
// mostly a hole.
func CopySparse(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = copyData(target, source, info.Size())
	if closeErr := target.Close(); err == nil {
		err = closeErr
	}
	return err
}

func copyData(target, source *os.File, size int64) error {
	if err := target.Truncate(size); err != nil {
		return err
	}
	for end := int64(0); end < size; {
		start, err := source.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole from here on
		}
		if err != nil {
			return err
		}
		if end, err = source.Seek(start, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(target, start), io.NewSectionReader(source, start, end-start)); err != nil {
			return err
		}
	}
	return nil
}
