package protojson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"okra/anypb"
	"okra/durationpb"
	"okra/proto"
	"okra/protoimpl"
	"okra/timestamppb"
)

// maxNesting is how many objects and arrays may lie within each other: a message in a list or a map takes two.
const maxNesting = 3 * protoimpl.MaxDepth

var errDepth = fmt.Errorf("more than %d messages within each other", protoimpl.MaxDepth)

// Unmarshal reads a message from JSON, in place of what was in it. Fields that the message does not have are an error.
func Unmarshal(text []byte, m proto.Message) error {
	return UnmarshalOptions{}.Unmarshal(text, m)
}

// UnmarshalOptions are the options of [Unmarshal].
type UnmarshalOptions struct {
	// AllowPartial is for code that sets it. Fields that are required are never absent.
	AllowPartial bool
	// DiscardUnknown drops fields that the message does not have, and names that an enum does not have.
	DiscardUnknown bool
}

// Unmarshal reads a message from JSON, in place of what was in it.
func (o UnmarshalOptions) Unmarshal(text []byte, m proto.Message) error {
	m.Reset()
	failed := func(err error) error { return fmt.Errorf("protojson: message %s: %w", proto.MessageName(m), err) }
	if !utf8.Valid(text) {
		return failed(errors.New("the JSON is not valid UTF-8"))
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	tree, err := parse(decoder, maxNesting)
	if err != nil {
		return failed(err)
	}
	if decoder.More() || len(bytes.TrimSpace(text[decoder.InputOffset():])) > 0 {
		return failed(errors.New("something follows the JSON"))
	}
	r := reader{options: o, depth: protoimpl.MaxDepth}
	if err := r.message(tree, m); err != nil {
		return failed(err)
	}
	return nil
}

// object is a JSON object in its order.
type object []member

type member struct {
	name  string
	value any
}

// parse returns nil, bool, json.Number, string, []any or object.
func parse(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, errDepth
	}
	if delimiter == '[' {
		list := []any{}
		for decoder.More() {
			value, err := parse(decoder, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := decoder.Token()
		return list, err
	}
	members, names := object{}, map[string]struct{}{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if _, ok := names[name]; ok {
			return nil, fmt.Errorf("the name %q comes twice in an object", name)
		}
		names[name] = struct{}{}
		value, err := parse(decoder, depth-1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, value})
	}
	_, err = decoder.Token()
	return members, err
}

type reader struct {
	options UnmarshalOptions
	depth   int
}

func (r *reader) message(tree any, m proto.Message) error {
	if r.depth == 0 {
		return errDepth
	}
	r.depth--
	defer func() { r.depth++ }()
	switch m := m.(type) {
	case *timestamppb.Timestamp:
		return readTimestamp(tree, m)
	case *durationpb.Duration:
		return readDuration(tree, m)
	case *anypb.Any:
		return r.any(tree, m)
	}
	members, ok := tree.(object)
	if !ok {
		return fmt.Errorf("expected an object, found %s", kindOf(tree))
	}
	return r.fields(members, m)
}

func (r *reader) fields(members object, m proto.Message) error {
	table := m.MessageType()
	message := reflect.ValueOf(m).Elem()
	set := map[int32]bool{}
	oneofs := map[int]bool{}
	for _, member := range members {
		field := find(table, member.name)
		if field == nil {
			if r.options.DiscardUnknown {
				continue
			}
			return fmt.Errorf("there is no field %q", member.name)
		}
		if set[field.Number] {
			return fmt.Errorf("field %s comes twice", field.Name)
		}
		set[field.Number] = true
		to := message.Field(field.Index)
		if field.Case != nil {
			to = reflect.New(reflect.TypeOf(field.Case).Elem()).Elem().Field(0)
		}
		if member.value == nil && !takesNull(field, to.Type()) {
			continue
		}
		isSet, err := r.field(member.value, field, to)
		if err != nil {
			return fmt.Errorf("field %s: %w", field.Name, err)
		}
		if field.Case == nil || !isSet {
			continue
		}
		if oneofs[field.Index] {
			return fmt.Errorf("field %s: another field of its oneof is set", field.Name)
		}
		oneofs[field.Index] = true
		chosen := reflect.New(reflect.TypeOf(field.Case).Elem())
		chosen.Elem().Field(0).Set(to)
		message.Field(field.Index).Set(chosen)
	}
	return nil
}

// takesNull says whether null is a value of a field.
func takesNull(field *protoimpl.Field, ty reflect.Type) bool {
	if field.Kind == protoimpl.Value {
		return ty == rawType
	}
	return isNullValue(ty)
}

func isNullValue(ty reflect.Type) bool {
	if ty.Kind() == reflect.Pointer {
		ty = ty.Elem()
	}
	if !ty.Implements(enumType) {
		return false
	}
	enum, _ := reflect.Zero(ty).Interface().(protoimpl.Enum)
	return enum.EnumType().Name == "google.protobuf.NullValue"
}

func find(table *protoimpl.MessageType, name string) *protoimpl.Field {
	for i := range table.Fields {
		if field := &table.Fields[i]; field.JSON == name || field.Name == name {
			return field
		}
	}
	return nil
}

// field reads a field of any cardinality. It is not set if it is the unknown name of an enum.
func (r *reader) field(tree any, field *protoimpl.Field, to reflect.Value) (bool, error) {
	ty := to.Type()
	switch {
	case ty.Kind() == reflect.Map:
		members, ok := tree.(object)
		if !ok {
			return false, fmt.Errorf("expected an object, found %s", kindOf(tree))
		}
		to.Set(reflect.MakeMapWithSize(ty, len(members)))
		for _, member := range members {
			key, value := reflect.New(ty.Key()).Elem(), reflect.New(ty.Elem()).Elem()
			if err := readKey(member.name, key); err != nil {
				return false, err
			}
			isSet, err := r.element(member.value, field, value)
			if err != nil {
				return false, fmt.Errorf("key %q: %w", member.name, err)
			}
			if isSet {
				to.SetMapIndex(key, value)
			}
		}
		return true, nil
	case isList(field, ty):
		list, ok := tree.([]any)
		if !ok {
			return false, fmt.Errorf("expected an array, found %s", kindOf(tree))
		}
		for i, item := range list {
			value := reflect.New(ty.Elem()).Elem()
			isSet, err := r.element(item, field, value)
			if err != nil {
				return false, fmt.Errorf("element %d: %w", i, err)
			}
			if isSet {
				to.Set(reflect.Append(to, value))
			}
		}
		return true, nil
	}
	return r.value(tree, field, to)
}

func (r *reader) element(tree any, field *protoimpl.Field, to reflect.Value) (bool, error) {
	if tree == nil && !takesNull(field, to.Type()) {
		return false, errors.New("null is no value of it")
	}
	return r.value(tree, field, to)
}

func readKey(name string, key reflect.Value) error {
	switch key.Kind() {
	case reflect.String:
		key.SetString(name)
		return nil
	case reflect.Bool:
		if name != "true" && name != "false" {
			return fmt.Errorf("%q is no bool", name)
		}
		key.SetBool(name == "true")
		return nil
	}
	return readNumber(json.Number(name), key)
}

func (r *reader) value(tree any, field *protoimpl.Field, to reflect.Value) (bool, error) {
	switch field.Kind {
	case protoimpl.FieldMask:
		text, ok := tree.(string)
		if !ok {
			return false, fmt.Errorf("expected a string, found %s", kindOf(tree))
		}
		paths := []string{}
		if text != "" {
			for camel := range strings.SplitSeq(text, ",") {
				path, err := snakePath(camel)
				if err != nil {
					return false, err
				}
				paths = append(paths, path)
			}
		}
		to.Set(reflect.ValueOf(paths))
		return true, nil
	case protoimpl.Struct, protoimpl.Value, protoimpl.ListValue:
		text, err := json.Marshal(plain(tree))
		if err != nil {
			return false, err
		}
		if _, err := protoimpl.ParseJSON(field.Kind, text); err != nil {
			return false, err
		}
		to.SetBytes(text)
		return true, nil
	}
	ty := to.Type()
	if ty.Implements(messageType) {
		to.Set(reflect.New(ty.Elem()))
		m, _ := to.Interface().(proto.Message)
		return true, r.message(tree, m)
	}
	if ty.Kind() == reflect.Pointer {
		value := reflect.New(ty.Elem())
		isSet, err := r.value(tree, field, value.Elem())
		if err == nil && isSet {
			to.Set(value)
		}
		return isSet, err
	}
	if ty.Implements(enumType) {
		return r.enum(tree, to)
	}
	return true, readScalar(tree, to)
}

func (r *reader) enum(tree any, to reflect.Value) (bool, error) {
	enum, _ := to.Interface().(protoimpl.Enum)
	table := enum.EnumType()
	switch tree := tree.(type) {
	case nil:
		to.SetInt(0)
		return true, nil
	case string:
		number, ok := table.NumberOf(tree)
		if !ok && r.options.DiscardUnknown {
			return false, nil
		}
		if !ok {
			return false, fmt.Errorf("enum %s has no value %q", table.Name, tree)
		}
		to.SetInt(int64(number))
		return true, nil
	case json.Number:
		if err := readNumber(tree, to); err != nil {
			return false, err
		}
		if table.IsClosed && !table.Has(int32(to.Int())) {
			return false, fmt.Errorf("enum %s has no value %s", table.Name, tree)
		}
		return true, nil
	}
	return false, fmt.Errorf("expected a name or a number, found %s", kindOf(tree))
}

// plain returns a tree as package json writes it.
func plain(tree any) any {
	switch tree := tree.(type) {
	case object:
		members := map[string]any{}
		for _, member := range tree {
			members[member.name] = plain(member.value)
		}
		return members
	case []any:
		list := make([]any, len(tree))
		for i := range tree {
			list[i] = plain(tree[i])
		}
		return list
	}
	return tree
}

func (r *reader) any(tree any, m *anypb.Any) error {
	members, ok := tree.(object)
	if !ok {
		return fmt.Errorf("expected an object, found %s", kindOf(tree))
	}
	if len(members) == 0 {
		return nil
	}
	var rest object
	for _, member := range members {
		if member.name == "@type" {
			m.TypeUrl, _ = member.value.(string)
			continue
		}
		rest = append(rest, member)
	}
	if m.TypeUrl == "" {
		return errors.New(`a google.protobuf.Any has no "@type"`)
	}
	inner, err := (&anypb.Any{TypeUrl: m.TypeUrl}).UnmarshalNew()
	if err != nil {
		return err
	}
	if isWellKnown(inner) {
		value := any(object{})
		for _, member := range rest {
			if member.name == "value" {
				value = member.value
			} else if !r.options.DiscardUnknown {
				return fmt.Errorf("there is no field %q", member.name)
			}
		}
		err = r.message(value, inner)
	} else {
		err = r.message(append(object{}, rest...), inner)
	}
	if err != nil {
		return err
	}
	m.Value, err = proto.Marshal(inner)
	return err
}

func kindOf(tree any) string {
	switch tree := tree.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(tree)
	case json.Number:
		return "the number " + string(tree)
	case string:
		return "the string " + strconv.Quote(tree)
	case []any:
		return "an array"
	}
	return "an object"
}
