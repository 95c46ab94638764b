// A guest that tries to reach what it was not given.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"okra"
	"okra/codes"

	pb "ambient/gen/test/ambient/v1"
)

type ambient struct{}

func attempt(what any) (any, error) {
	switch what := what.(type) {
	case *pb.Attempt_ReadFile:
		return os.ReadFile(what.ReadFile)
	case *pb.Attempt_WriteFile:
		return "written", os.WriteFile(what.WriteFile, []byte("written"), 0o600)
	case *pb.Attempt_ListFolder:
		entries, err := os.ReadDir(what.ListFolder)
		return len(entries), err
	case *pb.Attempt_ConnectPort:
		_, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", what.ConnectPort))
		return "connected", err
	case *pb.Attempt_Resolve:
		return net.LookupHost(what.Resolve)
	case *pb.Attempt_Environment:
		return len(os.Environ()), nil
	case *pb.Attempt_Arguments:
		return len(os.Args), nil
	case *pb.Attempt_Input:
		input, err := io.ReadAll(os.Stdin)
		return string(input), err
	case *pb.Attempt_Clock:
		return time.Now().Unix(), nil
	case *pb.Attempt_Random:
		var bytes [8]byte
		_, err := rand.Read(bytes[:])
		return binary.NativeEndian.Uint64(bytes[:]), err
	case *pb.Attempt_Run:
		return "ran", exec.Command(what.Run).Run()
	}
	return nil, okra.Error(codes.InvalidArgument, "nothing to try")
}

func (ambient) Try(_ context.Context, req *pb.Attempt) (*pb.Outcome, error) {
	said, err := attempt(req.What)
	if err != nil {
		return &pb.Outcome{Refused: true, Said: err.Error()}, nil
	}
	return &pb.Outcome{Said: fmt.Sprint(said)}, nil
}

func main() {
	pb.RegisterAmbientServer(ambient{})
}
