// A program that reads messages in one form and writes them in all: tests/it/go.rs compares them with those of
// prost-reflect. A line has a full name, then an encoding in hexadecimal, then JSON; an answer has the encoding, the JSON,
// and the encoding that the JSON was read to, or an error.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	_ "corpus/gen/a/b/c/v2"
	_ "corpus/gen/class"
	_ "corpus/gen/corpus/known/v2p1beta3"
	_ "corpus/gen/corpus/recursion"
	_ "corpus/gen/corpus/scalars/v1"
	_ "corpus/gen/corpus/shapes/v1alpha"
	_ "corpus/gen/pb"
	_ "corpus/gen/proto2only"
	_ "corpus/gen/type/list/record/v1beta1"
	"okra/anypb"
	"okra/proto"
	"okra/protojson"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		answer, err := convert(strings.SplitN(lines.Text(), "\t", 3))
		if err != nil {
			answer = "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(answer)
	}
}

func convert(columns []string) (string, error) {
	encoded, err := hex.DecodeString(columns[1])
	if err != nil {
		return "", err
	}
	m, err := (&anypb.Any{TypeUrl: columns[0], Value: encoded}).UnmarshalNew()
	if err != nil {
		return "", err
	}
	if !proto.Equal(m, proto.Clone(m)) {
		return "", fmt.Errorf("%s is not equal to its clone", m)
	}
	again, err := proto.Marshal(m)
	if err != nil {
		return "", err
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return "", err
	}
	if err := protojson.Unmarshal([]byte(columns[2]), m); err != nil {
		return "", err
	}
	read, err := proto.Marshal(m)
	return hex.EncodeToString(again) + "\t" + string(text) + "\t" + hex.EncodeToString(read), err
}
