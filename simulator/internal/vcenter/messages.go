package vcenter

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/vmware/govmomi/vim25/types"
)

// localized gives a fault the message that a vCenter shows with it. vcsim shows the name of a Go type.
func localized(fault types.BaseMethodFault) types.LocalizedMethodFault {
	return types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message(fault)}
}

func message(fault types.BaseMethodFault) string {
	if said := fault.GetMethodFault().FaultMessage; len(said) > 0 && said[0].Message != "" {
		return said[0].Message
	}
	switch f := fault.(type) {
	case *types.RequestCanceled:
		return "The task was canceled by a user."
	case *types.TaskInProgress:
		return "The operation is not allowed in the current state: another task is already in progress."
	case *types.NoDiskSpace:
		return fmt.Sprintf("Insufficient disk space on datastore '%s'.", f.Datastore)
	case *types.FileLocked:
		return fmt.Sprintf("Unable to access file %s since it is locked", f.File)
	case *types.FileNotFound:
		return fmt.Sprintf("File %s was not found", f.File)
	case *types.FileAlreadyExists:
		return fmt.Sprintf("The file %s already exists", f.File)
	case *types.InvalidDatastorePath:
		return fmt.Sprintf("Invalid datastore path '%s'.", f.DatastorePath)
	case *types.InvalidDatastore:
		return fmt.Sprintf("Invalid datastore '%s'.", f.Name)
	case *types.InvalidArgument:
		return "A specified parameter was not correct: " + f.InvalidProperty
	case *types.NotFound:
		return "The object or item referred to could not be found."
	case *types.NotImplemented:
		return "The requested operation is not implemented by the server."
	case *types.ManagedObjectNotFound:
		return "The object has already been deleted or has not been completely created"
	}
	// "CannotMoveVmWithDeltaDisk" as "Cannot move vm with delta disk."
	var words strings.Builder
	for i, letter := range reflect.TypeOf(fault).Elem().Name() {
		if i > 0 && unicode.IsUpper(letter) {
			words.WriteByte(' ')
			letter = unicode.ToLower(letter)
		}
		words.WriteRune(letter)
	}
	return words.String() + "."
}
