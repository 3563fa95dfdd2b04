#!/usr/bin/env bash
# Writes the file descriptors of Envoy's xDS v3 API, read from the Go module that is released with each Envoy,
# to the file named by the first argument. Needs Go. npm and PyPI copies of the same protos lack fields.
set -euo pipefail
out=$(realpath -m "${1:?usage: descriptors.sh OUT.fds}")
version=${2:-v1.40.0}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<G
module descriptors
go 1.24
G
go get "github.com/envoyproxy/go-control-plane/envoy@$version" >/dev/null 2>&1
{
  cat <<'G'
package main

import (
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

G
  # go list fails on packages whose own dependencies are not in go.sum yet; go mod tidy below adds those.
  { go list -e github.com/envoyproxy/go-control-plane/envoy/... 2>/dev/null || true; } | grep -v '/v2alpha\|/v2$' | sed 's/.*/	_ "&"/'
  cat <<'G'
)

func main() {
	out, seen := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(fd protoreflect.FileDescriptor) {
		if seen[fd.Path()] {
			return
		}
		seen[fd.Path()] = true
		for i := 0; i < fd.Imports().Len(); i++ {
			if f := fd.Imports().Get(i).FileDescriptor; !f.IsPlaceholder() {
				add(f)
			}
		}
		out.File = append(out.File, protodesc.ToFileDescriptorProto(fd))
	}
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool { add(fd); return true })
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err == nil {
		err = os.WriteFile(os.Args[1], b, 0o644)
	}
	if err != nil {
		panic(err)
	}
}
G
} > main.go
go mod tidy >/dev/null 2>&1
go run . "$out"
