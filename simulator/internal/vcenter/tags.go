package vcenter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

// tagAssociations answers for the tag associations of the REST API. It differs from vcsim's in that a category whose
// cardinality is SINGLE gives an object one tag at most, that a category which names associable types is for those
// alone, and that a tag that was detached together with others is detached from the tag's side too. (vSphere Automation
// API, com.vmware.cis.tagging: Category.cardinality, Category.associable_types; TagAssociation.attach has
// InvalidArgument "if the input tag is not eligible to be attached to this object".)
type tagAssociations struct {
	vcsim tagging
}

// tagging is vcsim's REST service, which alone knows what has which tag.
type tagging interface {
	http.Handler
	sync.Locker
	GetTagByCategoryAndName(category, name string) (string, types.BaseMethodFault)
	GetTagCategoryAndName(tag string) (category, name string, _ types.BaseMethodFault)
	AttachedTags(types.ManagedObjectReference) ([]string, types.BaseMethodFault)
	DetachTag(object types.ManagedObjectReference, tag string) types.BaseMethodFault
}

const (
	taggingPath     = rest.Path + "/com/vmware/cis/tagging"
	associationPath = taggingPath + "/tag-association"
)

// serveTags puts ours in the place of vcsim's; nil if vcsim's is not there.
func serveTags(mux *http.ServeMux) *tagAssociations {
	handler, _ := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: rest.Path + "/"}})
	vcsim, ok := handler.(tagging)
	if !ok {
		return nil
	}
	t := &tagAssociations{vcsim}
	mux.Handle("POST "+associationPath, t)
	mux.Handle("POST "+associationPath+"/{tag}", t)
	return t
}

// has tells whether an object has a tag, by the names of category and tag. What is not there, nothing has.
func (t *tagAssociations) has(object types.ManagedObjectReference, category, name string) bool {
	if t == nil {
		return false
	}
	t.vcsim.Lock()
	defer t.vcsim.Unlock()
	tag, fault := t.vcsim.GetTagByCategoryAndName(category, name)
	if fault != nil {
		return false
	}
	attached, _ := t.vcsim.AttachedTags(object)
	return slices.Contains(attached, tag)
}

// associationRequest is the body of what attaches and detaches.
type associationRequest struct {
	Object  *taggedObject  `json:"object_id"`
	Objects []taggedObject `json:"object_ids"`
	Tags    []string       `json:"tag_ids"`
}

type taggedObject struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (o taggedObject) reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: o.Type, Value: o.ID}
}

// pairs gives each tag with each object that a request is about.
func (r associationRequest) pairs(tag string) (pairs []taggedPair) {
	if tag != "" {
		r.Tags = []string{tag}
	}
	if r.Object != nil {
		r.Objects = append(r.Objects, *r.Object)
	}
	for _, id := range r.Tags {
		for _, object := range r.Objects {
			pairs = append(pairs, taggedPair{id, object.reference()})
		}
	}
	return pairs
}

type taggedPair struct {
	tag    string
	object types.ManagedObjectReference
}

// ServeHTTP lets vcsim do what is asked, and looks before whether it may. Whether somebody may ask at all is vcsim's to
// say first: so what was not allowed is taken back.
func (t *tagAssociations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(content))
	action := r.URL.Query().Get("~action") + r.URL.Query().Get("action")
	var request associationRequest
	if !strings.HasPrefix(action, "attach") && action != "detach-multiple-tags-from-object" || json.Unmarshal(content, &request) != nil {
		t.vcsim.ServeHTTP(w, r)
		return
	}
	pairs := request.pairs(strings.TrimPrefix(r.PathValue("tag"), "id:"))
	before := t.attached(pairs)
	answer := &answer{header: make(http.Header)}
	t.vcsim.ServeHTTP(answer, r)
	if answer.status == http.StatusOK {
		for _, pair := range pairs {
			reason := ""
			if strings.HasPrefix(action, "attach") && !slices.Contains(before[pair.object], pair.tag) {
				reason = t.forbids(r, pair, before[pair.object])
			}
			if reason == "" && strings.HasPrefix(action, "attach") {
				before[pair.object] = append(before[pair.object], pair.tag)
				continue
			}
			t.detach(pair) // one that vcsim only marked as detached, too
			if reason != "" {
				refuseTag(w, reason)
				return
			}
		}
	}
	answer.send(w)
}

// attached gives the tags that objects have.
func (t *tagAssociations) attached(pairs []taggedPair) map[types.ManagedObjectReference][]string {
	t.vcsim.Lock()
	defer t.vcsim.Unlock()
	all := make(map[types.ManagedObjectReference][]string)
	for _, pair := range pairs {
		all[pair.object], _ = t.vcsim.AttachedTags(pair.object)
	}
	return all
}

func (t *tagAssociations) detach(pair taggedPair) {
	t.vcsim.Lock()
	defer t.vcsim.Unlock()
	_ = t.vcsim.DetachTag(pair.object, pair.tag) // a tag that is not there is attached to nothing
}

// forbids says why an object that has some tags can't have another; "" if it can.
func (t *tagAssociations) forbids(r *http.Request, pair taggedPair, has []string) string {
	category := t.categoryOf(pair.tag)
	kind, ok := t.category(r, category)
	if !ok {
		return ""
	}
	if len(kind.AssociableTypes) > 0 && !slices.Contains(kind.AssociableTypes, pair.object.Type) {
		return fmt.Sprintf("Tags of the category %s are not for objects of the type %s.", kind.Name, pair.object.Type)
	}
	if kind.Cardinality == "SINGLE" && slices.ContainsFunc(has, func(tag string) bool { return t.categoryOf(tag) == category }) {
		return fmt.Sprintf("The object has a tag of the category %s, which allows one for each object.", kind.Name)
	}
	return ""
}

func (t *tagAssociations) categoryOf(tag string) string {
	t.vcsim.Lock()
	defer t.vcsim.Unlock()
	category, _, _ := t.vcsim.GetTagCategoryAndName(tag)
	return category
}

// category asks vcsim for a category, in the name of who made a request: there is no other way to what it is like.
func (t *tagAssociations) category(r *http.Request, id string) (category tags.Category, ok bool) {
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, taggingPath+"/category/id:"+id, nil)
	if err != nil {
		return category, false
	}
	ask.Header = r.Header.Clone()
	answer := &answer{header: make(http.Header)}
	t.vcsim.ServeHTTP(answer, ask)
	var content struct {
		Value tags.Category `json:"value"`
	}
	ok = answer.status == http.StatusOK && json.Unmarshal(answer.body.Bytes(), &content) == nil
	return content.Value, ok
}

// refuseTag answers with InvalidArgument, in the form of the REST API.
func refuseTag(w http.ResponseWriter, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "com.vmware.vapi.std.errors.invalid_argument",
		"value": map[string]any{"messages": []map[string]any{
			{"id": "cis.tagging.tag.not.eligible", "default_message": reason, "args": []string{}},
		}},
	})
}

// answer keeps what vcsim answers until it is known whether it may be sent.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(some []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(some)
}

func (a *answer) send(w http.ResponseWriter) {
	for key, values := range a.header {
		w.Header()[key] = values
	}
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}
