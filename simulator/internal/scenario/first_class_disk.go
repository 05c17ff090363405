package scenario

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// FirstClassDisk is a virtual disk with an ID and a name in vCenter's catalog, attached to no VM.
type FirstClassDisk struct {
	Name      string   `yaml:"name"`      // may be a pattern
	Datastore string   `yaml:"datastore"` // may be a pattern: the disks take turns
	Path      string   `yaml:"path"`      // on the datastore; may be a pattern; default: in the folder fcd, named by vCenter
	Size      Size     `yaml:"size"`
	Kind      DiskKind `yaml:"kind"` // default thin
	Used      Size     `yaml:"used"` // default half of size
}

func (d FirstClassDisk) expand() ([]FirstClassDisk, error) {
	all, err := names(d.Name)
	if err != nil {
		return nil, err
	}
	d.Kind, d.Used = defaults(d.Kind, d.Size, d.Used)
	disks := make([]FirstClassDisk, len(all))
	for n, name := range all {
		one := d
		one.Name = name
		for _, place := range []*string{&one.Datastore, &one.Path} {
			if *place, err = turns(*place, n); err != nil {
				return nil, err
			}
		}
		disks[n] = one
	}
	return disks, nil
}

// expandFCDs spells first class disks out.
func (dc *Datacenter) expandFCDs() error {
	var disks []FirstClassDisk
	for _, disk := range dc.FCDs {
		some, err := disk.expand()
		if err != nil {
			return fmt.Errorf("fcds: %w", err)
		}
		disks = append(disks, some...)
	}
	dc.FCDs = disks
	return nil
}

// validateFCDs checks first class disks; paths are those of the other disks.
func (dc *Datacenter) validateFCDs(datastores, paths seen) error {
	known := make(seen)
	for _, disk := range dc.FCDs {
		if err := known.add("fcd", disk.Name); err != nil {
			return err
		}
		if err := disk.validate(datastores); err != nil {
			return fmt.Errorf("fcd %q: %w", disk.Name, err)
		}
		if disk.Path == "" {
			continue
		}
		if err := paths.add("disk", "["+disk.Datastore+"] "+disk.Path); err != nil {
			return err
		}
	}
	return nil
}

func (d *FirstClassDisk) validate(datastores seen) error {
	if !datastores[d.Datastore] {
		return fmt.Errorf("there is no datastore %q in the datacenter", d.Datastore)
	}
	if d.Path != "" && (path.Ext(d.Path) != ".vmdk" || strings.Contains(d.Path, "..") || strings.HasPrefix(d.Path, "[")) {
		return errors.New(`the path has the form folder/name.vmdk, without the datastore`)
	}
	return sized(d.Size, d.Used)
}
