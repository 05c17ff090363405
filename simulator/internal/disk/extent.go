package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// CopyExtent copies what lies in a disk's extent to another disk's. A delta's holes stay holes: what is copied of it is
// the delta alone (see Flatten). The target need not be there yet; then it is to become what the source is.
func CopyExtent(from, to string) error {
	source, err := Read(from)
	if err != nil {
		return err
	}
	target, err := Read(to)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = source, nil
	}
	if err != nil {
		return err
	}
	return CopySparse(source.Extent(from), target.Extent(to))
}

// overlay writes what lies in an extent over what lies in another.
func overlay(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = copyData(target, source, info.Size())
	if closeErr := target.Close(); err == nil {
		err = closeErr
	}
	return err
}

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
	if err = target.Truncate(info.Size()); err == nil {
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
