package disk

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// CopySparse copies a file. Only what was really written is copied: an extent is sparse, and a disk of terabytes is
// mostly a hole.
func CopySparse(from, to string) error {
	return copyFile(from, to, os.O_CREATE|os.O_TRUNC, func(target *os.File, size int64) error { return target.Truncate(size) })
}

// overlay writes what lies in an extent over what lies in another.
func overlay(from, to string) error {
	return copyFile(from, to, 0, func(*os.File, int64) error { return nil })
}

// copyFile writes a file's data into another, which is opened with flags and made ready for that many bytes.
func copyFile(from, to string, flags int, prepare func(target *os.File, size int64) error) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|flags, 0o600)
	if err != nil {
		return err
	}
	if err = prepare(target, info.Size()); err == nil {
		err = copyData(target, source, info.Size())
	}
	if closeErr := target.Close(); err == nil {
		err = closeErr
	}
	return err
}

func copyData(target, source *os.File, size int64) error {
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
