package protoimpl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

var (
	errShort  = errors.New("the message ends within a field")
	errVarint = errors.New("a varint has more than ten bytes")
	errTag    = errors.New("a tag is not valid")
	errUTF8   = errors.New("a string is not valid UTF-8")
	errGroup  = errors.New("a group ends where none has begun")
)

// Decoder reads the protobuf encoding of a message. Generated code uses it. No length is trusted: it is compared with what is
// there. After the first error everything reads as its end.
type Decoder struct {
	buf []byte
	// pos is where reading goes on, end where the current message ends.
	pos, end int
	depth    int
	// group is the number of the group that is being read, 0 in a message with a length.
	group uint32
	tag   uint32
	err   error
}

// A Mark is what [Decoder.Begin] leaves for [Decoder.End].
type Mark struct {
	end   int
	group uint32
}

// Unmarshal merges the encoding b into a message.
func Unmarshal(b []byte, m Message) error {
	d := Decoder{buf: b, end: len(b), depth: MaxDepth}
	m.UnmarshalWire(&d)
	if d.err != nil {
		return fmt.Errorf("message %s, at byte %d: %w", m.MessageType().Name, d.pos, d.err)
	}
	return nil
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Next returns the next tag: a field's number with its wire type; 0 at the end.
func (d *Decoder) Next() uint32 {
	if d.err != nil {
		return 0
	}
	if d.pos >= d.end {
		if d.group != 0 {
			d.fail(errShort)
		}
		return 0
	}
	tag := uint64(d.buf[d.pos])
	if tag < 0x80 {
		d.pos++
	} else {
		tag = d.Uint64()
	}
	number := tag >> 3
	if number == 0 || number >= 1<<29 {
		d.fail(errTag)
		return 0
	}
	if tag&7 == 4 {
		if uint32(number) != d.group {
			d.fail(errGroup)
		}
		return 0
	}
	d.tag = uint32(tag)
	return d.tag
}

// More says whether a packed list goes on.
func (d *Decoder) More() bool {
	return d.err == nil && d.pos < d.end
}

// Uint64 reads a varint.
func (d *Decoder) Uint64() uint64 {
	if d.pos < d.end && d.buf[d.pos] < 0x80 {
		d.pos++
		return uint64(d.buf[d.pos-1])
	}
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.buf[d.pos:d.end])
	if n <= 0 {
		if n == 0 && d.end-d.pos < binary.MaxVarintLen64 {
			d.fail(errShort)
		} else {
			d.fail(errVarint)
		}
		return 0
	}
	d.pos += n
	return v
}

// Int64 reads a varint.
func (d *Decoder) Int64() int64 { return int64(d.Uint64()) }

// Int32 reads a varint, of which the lower half counts.
func (d *Decoder) Int32() int32 { return int32(d.Uint64()) }

// Uint32 reads a varint, of which the lower half counts.
func (d *Decoder) Uint32() uint32 { return uint32(d.Uint64()) }

// Sint32 reads a varint in which numbers near 0 are short.
func (d *Decoder) Sint32() int32 {
	v := uint32(d.Uint64())
	return int32(v>>1) ^ -int32(v&1)
}

// Sint64 reads a varint in which numbers near 0 are short.
func (d *Decoder) Sint64() int64 {
	v := d.Uint64()
	return int64(v>>1) ^ -int64(v&1)
}

// Bool reads a bool.
func (d *Decoder) Bool() bool { return d.Uint64() != 0 }

// Fixed32 reads four bytes.
func (d *Decoder) Fixed32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Fixed64 reads eight bytes.
func (d *Decoder) Fixed64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Sfixed32 reads four bytes.
func (d *Decoder) Sfixed32() int32 { return int32(d.Fixed32()) }

// Sfixed64 reads eight bytes.
func (d *Decoder) Sfixed64() int64 { return int64(d.Fixed64()) }

// Float reads a float32.
func (d *Decoder) Float() float32 { return math.Float32frombits(d.Fixed32()) }

// Double reads a float64.
func (d *Decoder) Double() float64 { return math.Float64frombits(d.Fixed64()) }

// String reads a string.
func (d *Decoder) String() string {
	b := d.take(d.length())
	if !utf8.Valid(b) {
		d.fail(errUTF8)
		return ""
	}
	return string(b)
}

// Bytes reads bytes; they are a copy and never nil.
func (d *Decoder) Bytes() []byte {
	return append([]byte{}, d.take(d.length())...)
}

// length reads a length, of which as many bytes are there.
func (d *Decoder) length() int {
	n := d.Uint64()
	if n > uint64(d.end-d.pos) {
		d.fail(errShort)
		return 0
	}
	return int(n)
}

// take returns the next n bytes; nil after an error.
func (d *Decoder) take(n int) []byte {
	if d.err != nil || n > d.end-d.pos {
		d.fail(errShort)
		return nil
	}
	d.pos += n
	return d.buf[d.pos-n : d.pos]
}

// Begin reads the length of a packed list or of a message whose fields the caller reads. [Decoder.End] is its end.
func (d *Decoder) Begin() Mark {
	n := d.length()
	mark := Mark{d.end, d.group}
	d.end, d.group = d.pos+n, 0
	return mark
}

// End is the counterpart of [Decoder.Begin].
func (d *Decoder) End(mark Mark) {
	d.end, d.group = mark.end, mark.group
}

// Message reads a message with its length, and merges it into m.
func (d *Decoder) Message(m Message) {
	mark := d.Begin()
	d.inner(m)
	d.End(mark)
}

// Group reads a message up to the end of its group, whose start [Decoder.Next] has returned.
func (d *Decoder) Group(m Message) {
	mark := Mark{d.end, d.group}
	d.group = d.tag >> 3
	d.inner(m)
	d.End(mark)
}

func (d *Decoder) inner(m Message) {
	if d.depth == 0 {
		d.fail(errDepth)
	}
	if d.err != nil {
		return
	}
	d.depth--
	m.UnmarshalWire(d)
	d.depth++
}

// Skip reads over the field whose tag [Decoder.Next] has returned.
func (d *Decoder) Skip() {
	switch d.tag & 7 {
	case 0:
		d.Uint64()
	case 1:
		d.take(8)
	case 2:
		d.take(d.length())
	case 3:
		if d.depth == 0 {
			d.fail(errDepth)
			return
		}
		mark := Mark{d.end, d.group}
		d.group = d.tag >> 3
		d.depth--
		for d.Next() != 0 {
			d.Skip()
		}
		d.depth++
		d.End(mark)
	case 5:
		d.take(4)
	default:
		d.fail(errTag)
	}
}
