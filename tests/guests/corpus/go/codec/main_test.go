package main

import (
	"math"
	"strings"
	"testing"

	knownv2p1beta3 "corpus/gen/corpus/known/v2p1beta3"
	"corpus/gen/corpus/recursion"
	scalarsv1 "corpus/gen/corpus/scalars/v1"
	"okra/anypb"
	"okra/durationpb"
	"okra/proto"
	"okra/protojson"
	"okra/timestamppb"
)

func nested(depth int) *recursion.Node {
	var node *recursion.Node
	for range depth {
		node = &recursion.Node{Name: "n", Next: node}
	}
	return node
}

func TestOneHundredMessagesMayLieWithinEachOther(t *testing.T) {
	// The outermost one lies in none.
	deepest, err := proto.Marshal(nested(101))
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(deepest, new(recursion.Node)); err != nil {
		t.Error(err)
	}
	if _, err := proto.Marshal(nested(102)); err == nil {
		t.Error("what nests too deeply was written")
	}
	length := len(deepest)
	tooDeep := append([]byte{18, byte(length) | 0x80, byte(length >> 7)}, deepest...)
	if err := proto.Unmarshal(tooDeep, new(recursion.Node)); err == nil {
		t.Error("what nests too deeply was read")
	}
	ring := new(recursion.Node)
	ring.Next = ring
	if _, err := proto.Marshal(ring); err == nil {
		t.Error("a ring was written")
	}
	if _, err := protojson.Marshal(ring); err == nil {
		t.Error("a ring was written as JSON")
	}
	for _, text := range []string{
		strings.Repeat(`{"next":`, 200) + "{}" + strings.Repeat("}", 200),
		strings.Repeat(`{"x":`, 100000), strings.Repeat("[", 100000),
	} {
		if err := protojson.Unmarshal([]byte(text), new(recursion.Node)); err == nil {
			t.Error("JSON that nests too deeply was read")
		}
	}
	if !strings.Contains(ring.String(), "...") {
		t.Error("a ring is text without end")
	}
}

func TestEncodingsThatEndEarlyAreRefusedAndNeverPanic(t *testing.T) {
	whole, err := proto.Marshal(&recursion.Node{
		Name: "a", Children: []*recursion.Node{{Name: "b", Next: nested(3)}}, ByName: map[string]*recursion.Node{"c": nested(2)},
		Kind: &recursion.Node_Leaf{Leaf: &recursion.Leaf{Text: "d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for end := range whole {
		_ = proto.Unmarshal(whole[:end], new(recursion.Node))
	}
	for i := range whole {
		for _, other := range []byte{0, 7, 0x7f, 0x80, 0xff} {
			changed := append([]byte{}, whole...)
			changed[i] = other
			_ = proto.Unmarshal(changed, new(recursion.Node))
		}
	}
	for _, wrong := range []string{
		"\x0a\x05ab", "\x0a\xff\xff\xff\xff\x0f", "\x0a\x01\xff", "\x00", "\x07", "\x0c", "\x13", "\x12\x02\x14\x14",
		"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	} {
		if err := proto.Unmarshal([]byte(wrong), new(recursion.Node)); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
	if _, err := proto.Marshal(&recursion.Node{Next: &recursion.Node{Name: "\xff"}}); err == nil {
		t.Error("a string that is not UTF-8 was written")
	}
}

func TestMessagesThatComeTwiceMerge(t *testing.T) {
	first := &recursion.Node{Name: "a", Next: &recursion.Node{Name: "x", Children: []*recursion.Node{{}}},
		Kind: &recursion.Node_Only{Only: &recursion.Node{Name: "o", Children: []*recursion.Node{{}}}}}
	second := &recursion.Node{Next: &recursion.Node{Children: []*recursion.Node{{}}},
		Kind: &recursion.Node_Only{Only: &recursion.Node{Name: "p"}}}
	proto.Merge(first, second)
	if first.Name != "a" || first.Next.Name != "x" || len(first.Next.Children) != 2 {
		t.Errorf("got %v", first)
	}
	if only := first.GetOnly(); only.GetName() != "p" || len(only.Children) != 1 {
		t.Errorf("got %v", first)
	}
	proto.Merge(first, &recursion.Node{Kind: &recursion.Node_Leaf{Leaf: &recursion.Leaf{}}})
	if _, ok := first.GetKind().(*recursion.Node_Leaf); !ok {
		t.Errorf("got %v", first)
	}
	if proto.Equal(first, second) || !proto.Equal(second, proto.CloneOf(second)) {
		t.Error("messages compare wrongly")
	}
}

func TestAnyHoldsMessagesOfTheProject(t *testing.T) {
	sent := &recursion.Node{Name: "a"}
	held, err := anypb.New(sent)
	if err != nil || held.TypeUrl != "type.googleapis.com/corpus.recursion.Node" || !held.MessageIs(sent) {
		t.Fatalf("got %v, %v", held, err)
	}
	came, err := held.UnmarshalNew()
	if err != nil || !proto.Equal(came, sent) {
		t.Errorf("got %v, %v", came, err)
	}
	to := new(recursion.Node)
	if err := held.UnmarshalTo(to); err != nil || to.Name != "a" {
		t.Errorf("got %v, %v", to, err)
	}
	if err := held.UnmarshalTo(new(recursion.Leaf)); err == nil {
		t.Error("a message was read as another")
	}
	held.TypeUrl = "type.googleapis.com/a.Missing"
	if _, err := held.UnmarshalNew(); err == nil || !strings.Contains(err.Error(), "types") {
		t.Errorf("got %v", err)
	}
}

func TestJSONOfValuesAtTheirLimits(t *testing.T) {
	duration, err := anypb.New(durationpb.New(-1500000000))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		message proto.Message
		want    string
	}{
		{&scalarsv1.Scalars{ADouble: math.NaN(), AFloat: float32(math.Inf(-1))}, `{"aDouble":"NaN","aFloat":"-Infinity"}`},
		{&timestamppb.Timestamp{Seconds: 253402300799, Nanos: 999999999}, `"9999-12-31T23:59:59.999999999Z"`},
		{&timestamppb.Timestamp{Seconds: -62135596800}, `"0001-01-01T00:00:00Z"`},
		{&durationpb.Duration{Seconds: 0, Nanos: -1000000}, `"-0.001s"`},
		{duration, `{"@type":"type.googleapis.com/google.protobuf.Duration","value":"-1.500s"}`},
		{&anypb.Any{}, `{}`},
		{&knownv2p1beta3.Known{Mask: []string{"a_b.c", "d"}}, `{"mask":"aB.c,d"}`},
	} {
		text, err := protojson.Marshal(test.message)
		if err != nil || string(text) != test.want {
			t.Errorf("got %s, %v, not %s", text, err, test.want)
			continue
		}
		again := test.message.MessageType().New()
		if err := protojson.Unmarshal(text, again); err != nil || !proto.Equal(again, test.message) {
			t.Errorf("%s was read as %v, %v", text, again, err)
		}
	}
	for _, message := range []proto.Message{
		&timestamppb.Timestamp{Seconds: 253402300800}, &durationpb.Duration{Seconds: 1, Nanos: -1},
		&anypb.Any{TypeUrl: "a/b.Missing"}, &knownv2p1beta3.Known{Mask: []string{"aB"}},
	} {
		if text, err := protojson.Marshal(message); err == nil {
			t.Errorf("got %s", text)
		}
	}
}

func TestJSONThatIsNotOfTheMessageIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"anInt32":2147483648}`, `{"anInt32":1.5}`, `{"anInt32":"1 "}`, `{"aUint32":-1}`, `{"aFloat":1e39}`, `{"aBool":"true"}`,
		`{"nothing":1}`, `{"anInt32":1,"anInt32":2}`, `{"anInt32":1,"an_int32":2}`, `{} {}`, `[]`, `{`, "{\"aString\":\"\xff\"}",
	} {
		if err := protojson.Unmarshal([]byte(text), new(scalarsv1.Scalars)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
	m := new(scalarsv1.Scalars)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(`{"nothing":{"a":[1]},"anInt32":"1e2"}`), m); err != nil {
		t.Error(err)
	}
	if m.AnInt32 != 100 {
		t.Errorf("got %v", m)
	}
}
