package disk

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// FilledBytes is how much of a disk Fill writes.
const FilledBytes = 4 << 20

// Fill writes pseudo-random bytes to the beginning of a disk's extent, FilledBytes or all of it, so that whoever copies
// or moves the disk can be checked for it. They are the SHA-256 sums of "SEED:0", "SEED:1", and so on, one after another.
func Fill(file, seed string) error {
	d, err := Read(file)
	if err != nil {
		return err
	}
	extent, err := os.OpenFile(d.Extent(file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	into := bufio.NewWriter(extent)
	left := min(d.CapacityBytes, FilledBytes)
	for n := 0; left > 0 && err == nil; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d", seed, n))
		_, err = into.Write(sum[:min(left, sha256.Size)])
		left -= sha256.Size
	}
	if err == nil {
		err = into.Flush()
	}
	if closeErr := io.Closer(extent).Close(); err == nil {
		err = closeErr
	}
	return err
}
