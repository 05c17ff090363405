package disk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// A disk's UUID has two spellings. VirtualDisk.backing.uuid has dashes, 6000C29e-a7e8-269c-7d20-454c722aaf40, with the
// capital C of VMware's prefix; QueryVirtualDiskUuid and ddb.uuid have pairs, 60 00 C2 9e a7 e8 26 9c-7d 20 45 4c 72 2a
// af 40 (both as shown by a real vCenter in govmomi issue 1160 and ansible issue 45149).

// digitsOf leaves the digits of either spelling.
var digitsOf = strings.NewReplacer(" ", "", "-", "")

// NewUUID gives a disk UUID in the dashed spelling. The same place always gives the same UUID, so that a scenario's
// disks keep theirs from one start to the next; an empty place gives a new one each time.
func NewUUID(place string) string {
	var id [16]byte
	if place == "" {
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	} else {
		sum := sha256.Sum256([]byte(place))
		copy(id[:], sum[:])
	}
	return DashedUUID("6000C29" + hex.EncodeToString(id[:])[7:])
}

// IsUUID tells a UUID in either spelling from any other text.
func IsUUID(text string) bool {
	digits, err := hex.DecodeString(digitsOf.Replace(text))
	return err == nil && len(digits) == 16
}

// DashedUUID gives any spelling in dashes; what is no UUID is given back as it is.
func DashedUUID(uuid string) string {
	digits := digitsOf.Replace(uuid)
	if len(digits) != 32 {
		return uuid
	}
	return fmt.Sprintf("%s-%s-%s-%s-%s", digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
}

// SpacedUUID gives any spelling in pairs; what is no UUID is given back as it is.
func SpacedUUID(uuid string) string {
	digits := digitsOf.Replace(uuid)
	if len(digits) != 32 {
		return uuid
	}
	pairs := make([]string, 16)
	for i := range pairs {
		pairs[i] = digits[2*i : 2*i+2]
	}
	return strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}
