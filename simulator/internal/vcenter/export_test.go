package vcenter

import "github.com/vmware/govmomi/vim25/mo"

// SessionObjects gives the views, collectors and filters of all sessions.
func (vc *VCenter) SessionObjects() (all []mo.Reference) {
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	for _, s := range vc.sessions.byKey {
		all = append(all, s.own.AllReference("")...)
	}
	return all
}
