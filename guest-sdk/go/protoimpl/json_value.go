package protoimpl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

var errNoJSON = errors.New("a google.protobuf.Value holds a number that JSON does not have")

// ReadJSON reads a field of google.protobuf.Struct, Value or ListValue, and merges it into its JSON text.
func (d *Decoder) ReadJSON(kind Kind, old json.RawMessage) json.RawMessage {
	var tree any
	if len(old) > 0 {
		if err := json.Unmarshal(old, &tree); err != nil {
			d.fail(err)
			return nil
		}
	}
	mark := d.Begin()
	switch kind {
	case Struct:
		tree = d.object(tree)
	case ListValue:
		tree = d.list(tree)
	default:
		tree = d.value(tree)
	}
	d.End(mark)
	if d.err != nil {
		return nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(tree); err != nil {
		d.fail(errNoJSON)
		return nil
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// deeper counts the values within each other.
func (d *Decoder) deeper() bool {
	if d.depth == 0 {
		d.fail(errDepth)
		return false
	}
	d.depth--
	return true
}

func (d *Decoder) object(old any) any {
	object, _ := old.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	if !d.deeper() {
		return nil
	}
	for tag := d.Next(); tag != 0; tag = d.Next() {
		if tag != 1<<3|2 {
			d.Skip()
			continue
		}
		var key string
		var value any
		mark := d.Begin()
		for tag := d.Next(); tag != 0; tag = d.Next() {
			switch tag {
			case 1<<3 | 2:
				key = d.String()
			case 2<<3 | 2:
				inner := d.Begin()
				value = d.value(value)
				d.End(inner)
			default:
				d.Skip()
			}
		}
		d.End(mark)
		object[key] = value
	}
	d.depth++
	return object
}

func (d *Decoder) list(old any) any {
	list, _ := old.([]any)
	if list == nil {
		list = []any{}
	}
	if !d.deeper() {
		return nil
	}
	for tag := d.Next(); tag != 0; tag = d.Next() {
		if tag != 1<<3|2 {
			d.Skip()
			continue
		}
		mark := d.Begin()
		list = append(list, d.value(nil))
		d.End(mark)
	}
	d.depth++
	return list
}

func (d *Decoder) value(value any) any {
	if !d.deeper() {
		return nil
	}
	for tag := d.Next(); tag != 0; tag = d.Next() {
		switch tag {
		case 1 << 3:
			d.Uint64()
			value = nil
		case 2<<3 | 1:
			number := d.Double()
			if math.IsNaN(number) || math.IsInf(number, 0) {
				d.fail(errNoJSON)
			}
			value = number
		case 3<<3 | 2:
			value = d.String()
		case 4 << 3:
			value = d.Bool()
		case 5<<3 | 2:
			mark := d.Begin()
			value = d.object(value)
			d.End(mark)
		case 6<<3 | 2:
			mark := d.Begin()
			value = d.list(value)
			d.End(mark)
		default:
			d.Skip()
		}
	}
	d.depth++
	return value
}

// WriteJSON writes JSON text as a field of google.protobuf.Struct, Value or ListValue. Without text it is the empty one.
func (e *Encoder) WriteJSON(tag uint32, kind Kind, text json.RawMessage) {
	tree, err := ParseJSON(kind, text)
	if err != nil {
		e.fail(fmt.Errorf("field %d: %w", tag>>3, err))
		return
	}
	start := e.Begin(tag)
	switch tree := tree.(type) {
	case map[string]any:
		if kind == Struct {
			e.object(tree)
		} else {
			e.value(tree)
		}
	case []any:
		if kind == ListValue {
			e.list(tree)
		} else {
			e.value(tree)
		}
	default:
		e.value(tree)
	}
	e.End(start)
}

// ParseJSON parses the JSON text of a google.protobuf.Struct, Value or ListValue.
func ParseJSON(kind Kind, text json.RawMessage) (any, error) {
	var tree any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &tree); err != nil {
			return nil, err
		}
	}
	switch kind {
	case Struct:
		if len(text) == 0 {
			return map[string]any{}, nil
		}
		if _, ok := tree.(map[string]any); !ok {
			return nil, errors.New("a google.protobuf.Struct must be a JSON object")
		}
	case ListValue:
		if len(text) == 0 {
			return []any{}, nil
		}
		if _, ok := tree.([]any); !ok {
			return nil, errors.New("a google.protobuf.ListValue must be a JSON array")
		}
	}
	return tree, nil
}

func (e *Encoder) deeper() bool {
	if e.depth == 0 {
		e.fail(errDepth)
		return false
	}
	e.depth--
	return true
}

func (e *Encoder) object(object map[string]any) {
	if !e.deeper() {
		return
	}
	for _, key := range SortedKeys(object) {
		entry := e.Begin(1<<3 | 2)
		e.String(1<<3|2, key)
		value := e.Begin(2<<3 | 2)
		e.value(object[key])
		e.End(value)
		e.End(entry)
	}
	e.depth++
}

func (e *Encoder) list(list []any) {
	if !e.deeper() {
		return
	}
	for _, value := range list {
		start := e.Begin(1<<3 | 2)
		e.value(value)
		e.End(start)
	}
	e.depth++
}

func (e *Encoder) value(value any) {
	if !e.deeper() {
		return
	}
	switch value := value.(type) {
	case nil:
		e.Uint64(1<<3, 0)
	case float64:
		e.Double(2<<3|1, value)
	case string:
		e.String(3<<3|2, value)
	case bool:
		e.Bool(4<<3, value)
	case map[string]any:
		start := e.Begin(5<<3 | 2)
		e.object(value)
		e.End(start)
	case []any:
		start := e.Begin(6<<3 | 2)
		e.list(value)
		e.End(start)
	}
	e.depth++
}
