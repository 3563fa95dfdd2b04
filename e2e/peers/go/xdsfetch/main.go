// go-control-plane's own client library: fetches clusters of a node over the agent's socket (its first argument), and says the
// names of each response as a line of JSON. It acknowledges all, except a response that has the cluster of its third argument.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	sotw "github.com/envoyproxy/go-control-plane/pkg/client/sotw/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	socket, node, unwanted := os.Args[1], os.Args[2], os.Args[3]
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	exitOn(err)
	client := sotw.NewADSClient(context.Background(), &corev3.Node{Id: node}, resource.ClusterType)
	exitOn(client.InitConnect(connection))
	for {
		response, err := client.Fetch()
		exitOn(err)
		names := []string{}
		refuse := false
		for _, packed := range response.Resources {
			var cluster clusterv3.Cluster
			exitOn(packed.UnmarshalTo(&cluster))
			exitOn(cluster.ValidateAll())
			names = append(names, cluster.Name)
			refuse = refuse || cluster.Name == unwanted
		}
		text, err := json.Marshal(names)
		exitOn(err)
		fmt.Println(string(text))
		if refuse {
			exitOn(client.Nack("no " + unwanted + " here"))
		} else {
			exitOn(client.Ack())
		}
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
