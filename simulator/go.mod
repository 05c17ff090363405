module vrelocate/simulator

go 1.25.0

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/vmware/govmomi v0.55.1
	golang.org/x/sync v0.21.0
	golang.org/x/sys v0.40.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	golang.org/x/text v0.38.0 // indirect
)
