package disk

import (
	"crypto/sha3"
	"io"
	"os"
)

// FilledBytes is how much of a disk Fill writes.
const FilledBytes = 4 << 20

// Fill writes pseudo-random bytes to the beginning of a disk's extent, FilledBytes or all of it, so that whoever copies
// or moves the disk can be checked for it. They are the SHAKE128 output of SEED, which every language has at hand.
func Fill(file, seed string) error {
	d, err := Read(file)
	if err != nil {
		return err
	}
	extent, err := os.OpenFile(d.Extent(file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	bytes := sha3.NewSHAKE128()
	_, err = bytes.Write([]byte(seed))
	if err == nil {
		_, err = io.CopyN(extent, bytes, min(d.CapacityBytes, FilledBytes))
	}
	if closeErr := extent.Close(); err == nil {
		err = closeErr
	}
	return err
}
