package vcenter

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"vrelocate/simulator/internal/bandwidth"
	"vrelocate/simulator/internal/disk"
)

// get answers GET and HEAD: a file, whole or in ranges (RFC 9110, 13 and 14: Range, If-Range, If-Modified-Since and the
// rest), or a folder's listing. The bytes cross the datastore's link.
func (d *datastoreFiles) get(w http.ResponseWriter, r *http.Request, at place) {
	info, err := os.Stat(at.file())
	if err != nil {
		unable(w, err)
		return
	}
	if info.IsDir() {
		d.list(w, r, at)
		return
	}
	if disk.IsExtent(at.name) && d.vc.locked(d.vc.newContext(), at, "") != nil {
		conflict(w, at) // a running VM's: it is open for writing
		return
	}
	file, err := os.Open(at.file())
	if err != nil {
		unable(w, err)
		return
	}
	defer func() { _ = file.Close() }()
	link := d.vc.network.Open(at.store.ref.Value)
	defer link.Close()

	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(w, r, "", info.ModTime(), &download{
		File: file, ctx: r.Context(), link: link,
		crossed: func(bytes int) { d.vc.ledger.Sent(at.store.name, int64(bytes)) },
	})
}

// download reads a file as fast as its datastore is. A hole costs its time too: to a datastore it is zeros.
type download struct {
	*os.File
	ctx     context.Context
	link    *bandwidth.Stream
	crossed func(bytes int)
}

// Read implements io.Reader.
func (d *download) Read(into []byte) (int, error) {
	n, err := d.File.Read(into)
	if n > 0 {
		d.crossed(n)
		if stopped := d.link.Take(d.ctx, n); stopped != nil {
			return 0, stopped
		}
	}
	return n, err
}

// WriteTo hides os.File's, which would go past Read.
func (d *download) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{d})
}

// page is a listing as a browser shows it.
var page = template.Must(template.New("index").Parse(`<!DOCTYPE html>
<html><head><title>Index of {{.Title}}</title></head><body><h1>Index of {{.Title}}</h1>
<table><tr><th>Name</th><th>Last modified</th><th>Size</th></tr>
{{range .Rows}}<tr><td><a href="{{.Link}}">{{.Name}}</a></td><td>{{.Modified}}</td><td>{{.Size}}</td></tr>
{{end}}</table></body></html>
`))

type row struct{ Link, Name, Modified, Size string }

func render(w http.ResponseWriter, title string, rows []row) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, struct { // the client may be gone
		Title string
		Rows  []row
	}{title, rows})
}

// list shows a folder.
func (d *datastoreFiles) list(w http.ResponseWriter, r *http.Request, at place) {
	entries, err := os.ReadDir(at.file())
	if err != nil {
		unable(w, err)
		return
	}
	var rows []row
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // gone meanwhile
		}
		name, size := entry.Name(), fmt.Sprint(info.Size())
		if entry.IsDir() {
			name, size = name+"/", "-"
		}
		address := url.URL{Path: path.Join("/folder", at.name, entry.Name()), RawQuery: r.URL.RawQuery}
		rows = append(rows, row{address.String(), name, info.ModTime().UTC().Format("2006-01-02 15:04"), size})
	}
	render(w, at.url(), rows)
}

// index shows the datacenters, or the datastores of one.
func (d *datastoreFiles) index(w http.ResponseWriter, r *http.Request) {
	if strings.Trim(r.URL.Path, "/") != "folder" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "400 dsName is missing", http.StatusBadRequest)
		return
	}
	wanted := strings.Trim(r.URL.Query().Get("dcPath"), "/")
	var rows []row
	link := func(name string, query url.Values) {
		rows = append(rows, row{Link: "/folder?" + query.Encode(), Name: name, Size: "-"})
	}
	for _, dc := range d.vc.registry.All("Datacenter") {
		where := d.vc.inventoryPath(dc)
		switch wanted {
		case "":
			link(dc.Entity().Name, url.Values{"dcPath": {where}})
		case where:
			for _, s := range d.vc.storesOf(dc.Reference()) {
				link(s.name, url.Values{"dcPath": {where}, "dsName": {s.name}})
			}
		}
	}
	if rows == nil {
		http.NotFound(w, r)
		return
	}
	render(w, "/"+wanted, rows)
}
