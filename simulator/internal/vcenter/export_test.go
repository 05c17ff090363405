package vcenter

import (
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// SessionObjects gives the views, collectors and filters of all sessions.
func (vc *VCenter) SessionObjects() (all []mo.Reference) {
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	for _, s := range vc.sessions.byKey {
		all = append(all, s.own.AllReference("")...)
	}
	return all
}

// LookAt sees what the files of a datastore take, as RefreshDatastore does; take puts that into its account.
func (vc *VCenter) LookAt(datastore types.ManagedObjectReference) (take func(), err error) {
	s := vc.store(datastore)
	put, err := s.look("")
	if err != nil {
		return nil, err
	}
	return func() {
		put()
		vc.publish(vc.newContext(), s)
	}, nil
}
