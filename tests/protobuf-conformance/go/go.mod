module conformance

go 1.25

require okra v0.1.0

replace okra => ../../../guest-sdk/go
