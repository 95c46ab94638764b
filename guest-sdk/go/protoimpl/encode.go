package protoimpl

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// MaxDepth is how many messages may lie within each other, when they are read and when they are written.
const MaxDepth = 100

var errDepth = fmt.Errorf("more than %d messages within each other", MaxDepth)

// Encoder writes the protobuf encoding of a message. Generated code uses it. A tag is a field's number with its wire type; 0
// stands for none, as of the elements of a packed list. After the first error nothing that is written counts.
type Encoder struct {
	buf   []byte
	depth int
	err   error
	// named says that the error has the name of its message.
	named bool
}

// Marshal appends the encoding of a message to b.
func Marshal(b []byte, m Message) ([]byte, error) {
	e := Encoder{buf: b, depth: MaxDepth}
	m.MarshalWire(&e)
	if e.err != nil {
		e.name(m)
		return nil, e.err
	}
	return e.buf, nil
}

// Encode returns the encoding of a message. It panics with the error if the message has none.
func Encode(m Message) []byte {
	b, err := Marshal(nil, m)
	if err != nil {
		panic(err)
	}
	return b
}

func (e *Encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *Encoder) name(m Message) {
	if !e.named {
		e.err = fmt.Errorf("message %s: %w", m.MessageType().Name, e.err)
		e.named = true
	}
}

func (e *Encoder) tag(tag uint32) {
	if tag == 0 {
		return
	}
	if tag < 0x80 {
		e.buf = append(e.buf, byte(tag))
		return
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(tag))
}

// Uint64 writes a varint.
func (e *Encoder) Uint64(tag uint32, v uint64) {
	e.tag(tag)
	if v < 0x80 {
		e.buf = append(e.buf, byte(v))
		return
	}
	e.buf = binary.AppendUvarint(e.buf, v)
}

// Int64 writes a varint.
func (e *Encoder) Int64(tag uint32, v int64) { e.Uint64(tag, uint64(v)) }

// Int32 writes a varint, of a negative number with ten bytes.
func (e *Encoder) Int32(tag uint32, v int32) { e.Uint64(tag, uint64(int64(v))) }

// Uint32 writes a varint.
func (e *Encoder) Uint32(tag uint32, v uint32) { e.Uint64(tag, uint64(v)) }

// Sint32 writes a varint in which numbers near 0 are short.
func (e *Encoder) Sint32(tag uint32, v int32) { e.Uint64(tag, uint64(uint32(v<<1)^uint32(v>>31))) }

// Sint64 writes a varint in which numbers near 0 are short.
func (e *Encoder) Sint64(tag uint32, v int64) { e.Uint64(tag, uint64(v<<1)^uint64(v>>63)) }

// Bool writes a bool.
func (e *Encoder) Bool(tag uint32, v bool) {
	var n uint64
	if v {
		n = 1
	}
	e.Uint64(tag, n)
}

// Fixed32 writes four bytes.
func (e *Encoder) Fixed32(tag uint32, v uint32) {
	e.tag(tag)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

// Fixed64 writes eight bytes.
func (e *Encoder) Fixed64(tag uint32, v uint64) {
	e.tag(tag)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

// Sfixed32 writes four bytes.
func (e *Encoder) Sfixed32(tag uint32, v int32) { e.Fixed32(tag, uint32(v)) }

// Sfixed64 writes eight bytes.
func (e *Encoder) Sfixed64(tag uint32, v int64) { e.Fixed64(tag, uint64(v)) }

// Float writes a float32.
func (e *Encoder) Float(tag uint32, v float32) { e.Fixed32(tag, math.Float32bits(v)) }

// Double writes a float64.
func (e *Encoder) Double(tag uint32, v float64) { e.Fixed64(tag, math.Float64bits(v)) }

// String writes a string, which must be UTF-8.
func (e *Encoder) String(tag uint32, v string) {
	if !utf8.ValidString(v) {
		e.fail(fmt.Errorf("string field %d: not valid UTF-8", tag>>3))
		return
	}
	e.Uint64(tag, uint64(len(v)))
	e.buf = append(e.buf, v...)
}

// Bytes writes bytes.
func (e *Encoder) Bytes(tag uint32, v []byte) {
	e.Uint64(tag, uint64(len(v)))
	e.buf = append(e.buf, v...)
}

// Begin writes the beginning of what has a length; End its end.
func (e *Encoder) Begin(tag uint32) int {
	e.tag(tag)
	// Most lengths take one byte.
	e.buf = append(e.buf, 0)
	return len(e.buf)
}

// End is the counterpart of [Encoder.Begin], whose result it takes.
func (e *Encoder) End(start int) {
	length := len(e.buf) - start
	if length < 0x80 {
		e.buf[start-1] = byte(length)
		return
	}
	var prefix [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(prefix[:], uint64(length))
	e.buf = append(e.buf, prefix[1:size]...)
	copy(e.buf[start-1+size:], e.buf[start:start+length])
	copy(e.buf[start-1:], prefix[:size])
}

// Message writes a message with its length.
func (e *Encoder) Message(tag uint32, m Message) {
	start := e.Begin(tag)
	e.inner(m)
	e.End(start)
}

// Group writes a message between the tags of a group.
func (e *Encoder) Group(tag uint32, m Message) {
	e.tag(tag)
	e.inner(m)
	e.tag(tag + 1)
}

func (e *Encoder) inner(m Message) {
	if e.depth == 0 {
		e.fail(errDepth)
	}
	if e.err != nil {
		return
	}
	e.depth--
	m.MarshalWire(e)
	e.depth++
	if e.err != nil && !errors.Is(e.err, errDepth) {
		e.name(m)
	}
}

// SortedKeys returns the keys of a map in their order, so that equal messages have equal encodings.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// BoolKeys returns the keys of a map in their order.
func BoolKeys[V any](m map[bool]V) []bool {
	var keys []bool
	for _, key := range []bool{false, true} {
		if _, ok := m[key]; ok {
			keys = append(keys, key)
		}
	}
	return keys
}
