package vcenter

import (
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// datastoreFiles answers /folder, by which files of datastores are read and written ("Datastore Access (/folder)",
// vSphere Web Services SDK Programming Guide: GET, HEAD, PUT or DELETE of /folder/path?dcPath=...&dsName=...; without
// dsName and without dcPath a listing of the datastores, of the datacenters). vcsim lets anybody in, has no DELETE, and
// knows neither the datastore's space nor its speed.
//
// The guide says nothing of statuses. What Ansible's vsphere_file and vsphere_copy expect of a vCenter is: basic
// authentication, 404 for what is not there, 201 for a file that a PUT makes together with the folders above it, 204 for
// one that is deleted, 405 for a folder that would be.
type datastoreFiles struct {
	vc    *VCenter
	login *url.Userinfo
}

// FolderRoutes gives what answers /folder, by pattern of http.ServeMux. They have methods in them so that they come
// before vcsim's own "/folder/". Besides sessions and tickets the login is good for them, as basic authentication.
func (vc *VCenter) FolderRoutes(login *url.Userinfo) map[string]http.Handler {
	files := &datastoreFiles{vc: vc, login: login}
	routes := make(map[string]http.Handler)
	for method, handle := range map[string]func(http.ResponseWriter, *http.Request, place){
		http.MethodGet:    files.get, // and HEAD
		http.MethodPut:    files.put,
		http.MethodPost:   files.post,
		http.MethodDelete: files.delete,
	} {
		handler := files.on(handle)
		routes[method+" /folder/"] = handler
		routes[method+" /folder"] = handler
	}
	return routes
}

// on lets a request through that is allowed and names a place.
func (d *datastoreFiles) on(handle func(http.ResponseWriter, *http.Request, place)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.allowed(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		query := r.URL.Query()
		if query.Get("dsName") == "" {
			d.index(w, r)
			return
		}
		at, found := d.vc.locateURL(query, r.URL.Path)
		if !found {
			http.NotFound(w, r)
			return
		}
		if at.store.readable() != nil {
			http.Error(w, "503 the datastore is not accessible", http.StatusServiceUnavailable)
			return
		}
		handle(w, r, at)
	})
}

// allowed tells whether a request comes with a session's cookie, a user's password, or a ticket for it.
func (d *datastoreFiles) allowed(r *http.Request) bool {
	if cookie, err := r.Cookie(soap.SessionCookieName); err == nil && d.vc.hasSession(cookie.Value) {
		return true
	}
	if user, password, given := r.BasicAuth(); given {
		expected, _ := d.login.Password()
		return user == d.login.Username() && password == expected
	}
	cookie, err := r.Cookie(ticketCookie)
	return err == nil && d.vc.tickets.redeem(cookie.Value, r)
}

// hasSession tells whether there is a session of a key.
func (vc *VCenter) hasSession(key string) bool {
	content := vc.registry.Get(serviceInstance).(*simulator.ServiceInstance).Content
	asker := vc.newContext().Session
	manager := asker.Get(*content.SessionManager).(*simulator.SessionManager) // a view, with the list of sessions
	return slices.ContainsFunc(manager.SessionList, func(s types.UserSession) bool { return s.Key == key })
}

// locateURL finds the place that an address names, by its query and its path. Without dcPath, which a ticket for a host
// comes without, the datastore's name must be the only one of its kind.
func (vc *VCenter) locateURL(query url.Values, name string) (place, bool) {
	var found []*store
	for _, dc := range vc.registry.All("Datacenter") {
		wanted := strings.Trim(query.Get("dcPath"), "/")
		if wanted != "" && wanted != vc.inventoryPath(dc) {
			continue
		}
		if s := vc.storeNamed(dc.Reference(), query.Get("dsName")); s != nil {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return place{}, false
	}
	inside := strings.TrimPrefix(name, "/folder")
	return place{found[0], path.Clean("/" + inside)[1:]}, true // nothing climbs out of the datastore
}

// inventoryPath gives where an entity is, from the root folder's children on: "folder/dc1".
func (vc *VCenter) inventoryPath(entity mo.Entity) string {
	names := []string{entity.Entity().Name}
	for {
		entity = vc.parent(entity, "Folder")
		if entity == nil || entity.Entity().Parent == nil {
			return path.Join(names...)
		}
		names = append([]string{entity.Entity().Name}, names...)
	}
}

// storesOf gives a datacenter's datastores by name.
func (vc *VCenter) storesOf(datacenter types.ManagedObjectReference) []*store {
	var stores []*store
	for _, entity := range vc.registry.All("Datastore") {
		if s := vc.store(entity.Reference()); s != nil && s.datacenter == datacenter {
			stores = append(stores, s)
		}
	}
	slices.SortFunc(stores, func(a, b *store) int { return strings.Compare(a.name, b.name) })
	return stores
}

// unable answers a request that a file stands in the way of.
func unable(w http.ResponseWriter, err error) {
	switch {
	case os.IsNotExist(err):
		http.Error(w, "404 Not Found", http.StatusNotFound)
	default:
		http.Error(w, "500 "+path.Base(err.Error()), http.StatusInternalServerError)
	}
}
