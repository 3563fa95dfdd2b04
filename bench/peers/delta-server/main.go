// go-control-plane's delta server, as its documentation has it: a snapshot cache by node id. It is fed the resources that
// weft's control plane makes, already encoded, and their versions, so that it computes no hash. Lists that nodes share are
// one map for all of them.
//
// Standard input: `load FILE` reads and decodes a scene or a change, `go` puts it in force. Each is answered by a line.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
)

type encoded struct {
	Name    string
	Version string
	// base64 of the message
	Bytes []byte
}

type list struct {
	ID        int
	TypeURL   string
	Resources []encoded
}

type node struct {
	ID string
	// By their ids; of one type there may be two, what is shared and the node's own.
	Lists []int
}

type scene struct {
	// Those that are new.
	Lists []list
	// Those whose lists changed.
	Nodes []node
}

type decodedList struct {
	typeURL  string
	items    map[string]types.ResourceWithTTL
	versions map[string]string
}

var decodedLists = map[int]*decodedList{}

func newMessage(typeURL string) proto.Message {
	switch typeURL {
	case resource.ClusterType:
		return &cluster.Cluster{}
	case resource.EndpointType:
		return &endpoint.ClusterLoadAssignment{}
	case resource.ListenerType:
		return &listener.Listener{}
	case resource.RouteType:
		return &route.RouteConfiguration{}
	case resource.VirtualHostType:
		return &route.VirtualHost{}
	}
	log.Fatalf("unknown type %s", typeURL)
	return nil
}

func load(file string) (scene, error) {
	var s scene
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	for _, l := range s.Lists {
		d := &decodedList{l.TypeURL, map[string]types.ResourceWithTTL{}, map[string]string{}}
		for _, r := range l.Resources {
			message := newMessage(l.TypeURL)
			if err := proto.Unmarshal(r.Bytes, message); err != nil {
				return s, err
			}
			name := cache.GetResourceName(message)
			d.items[name] = types.ResourceWithTTL{Resource: message}
			d.versions[name] = r.Version
		}
		decodedLists[l.ID] = d
	}
	return s, err
}

// One map where a node's resources of a type are one list; a new one where they are two.
func snapshotOf(n node) (*cache.Snapshot, error) {
	byType := map[string][]*decodedList{}
	versions := map[string]string{}
	for _, id := range n.Lists {
		l := decodedLists[id]
		byType[l.typeURL] = append(byType[l.typeURL], l)
		versions[l.typeURL] += fmt.Sprint(id, " ")
	}
	snapshot := &cache.Snapshot{VersionMap: map[string]map[string]string{}}
	for typeURL, lists := range byType {
		merged := lists[0]
		if len(lists) > 1 {
			merged = &decodedList{typeURL, map[string]types.ResourceWithTTL{}, map[string]string{}}
			for _, l := range lists {
				for name, item := range l.items {
					merged.items[name] = item
					merged.versions[name] = l.versions[name]
				}
			}
		}
		snapshot.Resources[cache.GetResponseType(typeURL)] = cache.Resources{Version: versions[typeURL], Items: merged.items}
		snapshot.VersionMap[typeURL] = merged.versions
	}
	return snapshot, nil
}

func main() {
	certificate, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	snapshots := cache.NewSnapshotCache(true, cache.IDHash{}, nil)
	grpcServer := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{certificate},
			ClientAuth:   tls.RequireAnyClientCert,
			NextProtos:   []string{"h2"},
		})),
		grpc.MaxConcurrentStreams(100),
	)
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(ctx, snapshots, nil))
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(grpcServer.Serve(socket)) }()
	fmt.Println(socket.Addr().(*net.TCPAddr).Port)

	var next scene
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, file, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "load":
			if next, err = load(file); err != nil {
				log.Fatal(err)
			}
		case "go":
			for _, n := range next.Nodes {
				snapshot, err := snapshotOf(n)
				if err == nil {
					err = snapshots.SetSnapshot(ctx, n.ID, snapshot)
				}
				if err != nil {
					log.Fatal(err)
				}
			}
		}
		fmt.Println("done")
	}
}
