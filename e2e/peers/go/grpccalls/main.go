// A grpc-go client without a proxy: for each line "N" on standard input it makes N calls to the target of its first
// argument, and answers how often it heard which text, as a line of JSON. GRPC_XDS_BOOTSTRAP says where its control plane is.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	xdscredentials "google.golang.org/grpc/credentials/xds"
	_ "google.golang.org/grpc/xds"
)

// Text as it is: the service has no .proto.
type textCodec struct{}

func (textCodec) Marshal(v any) ([]byte, error)      { return []byte(*v.(*string)), nil }
func (textCodec) Unmarshal(data []byte, v any) error { *v.(*string) = string(data); return nil }
func (textCodec) Name() string                       { return "proto" }

func main() {
	credentials, err := xdscredentials.NewClientCredentials(xdscredentials.ClientOptions{FallbackCreds: insecure.NewCredentials()})
	exitOn(err)
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(credentials))
	exitOn(err)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		calls, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		exitOn(err)
		heard := map[string]int{}
		for range calls {
			heard[say(connection)]++
		}
		text, err := json.Marshal(heard)
		exitOn(err)
		fmt.Println(string(text))
	}
}

func say(connection *grpc.ClientConn) string {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	request, answer := "hello", ""
	err := connection.Invoke(ctx, "/echo.Echo/Say", &request, &answer, grpc.ForceCodec(textCodec{}), grpc.WaitForReady(true))
	if err != nil {
		return err.Error()
	}
	return answer
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
