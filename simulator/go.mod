module vrelocate/simulator

go 1.26.0

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/vmware/govmomi v0.55.1
	golang.org/x/sync v0.24.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.38.0 // indirect
)
