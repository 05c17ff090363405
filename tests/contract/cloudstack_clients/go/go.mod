module vrelocate/cloudstack-go-client

go 1.25.0

require github.com/apache/cloudstack-go/v2 v2.17.0

require go.uber.org/mock v0.5.0 // indirect
