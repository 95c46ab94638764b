// Package protojson writes and reads the JSON of protobuf messages, as google.golang.org/protobuf/encoding/protojson does:
// https://protobuf.dev/programming-guides/json/
package protojson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"okra/anypb"
	"okra/durationpb"
	"okra/emptypb"
	"okra/proto"
	"okra/protoimpl"
	"okra/timestamppb"
)

// Marshal returns a message as JSON.
func Marshal(m proto.Message) ([]byte, error) {
	return MarshalOptions{}.Marshal(m)
}

// Format returns a message as JSON with lines and indents; "" if it has none.
func Format(m proto.Message) string {
	return MarshalOptions{Multiline: true}.Format(m)
}

// MarshalOptions are the options of [Marshal].
type MarshalOptions struct {
	// Multiline writes each field in a line of its own.
	Multiline bool
	// Indent is what lines begin with for each level, spaces and tabs. It implies Multiline; the default is two spaces.
	Indent string
	// AllowPartial is for code that sets it. Fields that are required are never absent.
	AllowPartial bool
	// UseProtoNames writes the names of the .proto file, such as unit_price, in place of unitPrice.
	UseProtoNames bool
	// UseEnumNumbers writes the numbers of enums in place of their names.
	UseEnumNumbers bool
	// EmitUnpopulated writes fields that are not set, too, except optional ones and cases of oneofs.
	EmitUnpopulated bool
	// EmitDefaultValues is EmitUnpopulated without messages, which would be null.
	EmitDefaultValues bool
}

// Format returns a message as JSON; "" if it has none.
func (o MarshalOptions) Format(m proto.Message) string {
	text, _ := o.Marshal(m)
	return string(text)
}

// MarshalAppend appends a message as JSON to b.
func (o MarshalOptions) MarshalAppend(b []byte, m proto.Message) ([]byte, error) {
	text, err := o.Marshal(m)
	return append(b, text...), err
}

// Marshal returns a message as JSON. It fails if a value has no JSON: a time outside of the years 1 to 9999, a string that is
// not UTF-8, an Any of a type that the project does not have.
func (o MarshalOptions) Marshal(m proto.Message) ([]byte, error) {
	if m == nil {
		return []byte("{}"), nil
	}
	w := writer{options: o, depth: protoimpl.MaxDepth}
	if err := w.message(m, ""); err != nil {
		return nil, fmt.Errorf("protojson: message %s: %w", proto.MessageName(m), err)
	}
	if !o.Multiline && o.Indent == "" {
		return w.text, nil
	}
	indent := o.Indent
	if indent == "" {
		indent = "  "
	}
	var text bytes.Buffer
	if err := json.Indent(&text, w.text, "", indent); err != nil {
		return nil, fmt.Errorf("protojson: %w", err)
	}
	return text.Bytes(), nil
}

type writer struct {
	options MarshalOptions
	text    []byte
	depth   int
}

func (w *writer) raw(text string) { w.text = append(w.text, text...) }

func (w *writer) string(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("the string %q is not valid UTF-8", text)
	}
	w.raw(`"`)
	start := 0
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			w.raw(text[start:i])
			start = i + 1
			switch c {
			case '"', '\\':
				w.text = append(w.text, '\\', c)
			case '\n':
				w.raw(`\n`)
			case '\r':
				w.raw(`\r`)
			case '\t':
				w.raw(`\t`)
			default:
				w.text = fmt.Appendf(w.text, `\u%04x`, c)
			}
		}
	}
	w.raw(text[start:])
	w.raw(`"`)
	return nil
}

// message writes a message; typeURL, unless it is empty, as its first field.
func (w *writer) message(m proto.Message, typeURL string) error {
	if w.depth == 0 {
		return fmt.Errorf("more than %d messages within each other", protoimpl.MaxDepth)
	}
	w.depth--
	defer func() { w.depth++ }()
	if isWellKnown(m) {
		if typeURL == "" {
			return w.wellKnown(m)
		}
		w.raw(`{"@type":`)
		if err := w.string(typeURL); err != nil {
			return err
		}
		w.raw(`,"value":`)
		if err := w.wellKnown(m); err != nil {
			return err
		}
		w.raw(`}`)
		return nil
	}
	w.raw("{")
	isFirst := true
	if typeURL != "" {
		w.raw(`"@type":`)
		if err := w.string(typeURL); err != nil {
			return err
		}
		isFirst = false
	}
	all := w.options.EmitUnpopulated || w.options.EmitDefaultValues
	for field, value := range protoimpl.Fields(m, all) {
		if all && w.isLeftOut(field, value) {
			continue
		}
		if !isFirst {
			w.raw(",")
		}
		isFirst = false
		name := field.JSON
		if w.options.UseProtoNames {
			name = field.Name
		}
		if err := w.string(name); err != nil {
			return err
		}
		w.raw(":")
		if err := w.field(field, value); err != nil {
			return fmt.Errorf("field %s: %w", field.Name, err)
		}
	}
	w.raw("}")
	return nil
}

// isLeftOut says whether a field that is not set is not written even so.
func (w *writer) isLeftOut(field *protoimpl.Field, value reflect.Value) bool {
	if field.Presence != protoimpl.Explicit || field.Case != nil || !value.IsNil() {
		return false
	}
	_, isMessage := value.Interface().(proto.Message)
	isNull := isMessage || field.Kind != protoimpl.Plain
	return !isNull || !w.options.EmitUnpopulated
}

func (w *writer) field(field *protoimpl.Field, value reflect.Value) error {
	ty := value.Type()
	switch {
	case field.Presence == protoimpl.Explicit && field.Case == nil && value.IsNil():
		w.raw("null")
		return nil
	case ty.Kind() == reflect.Map:
		w.raw("{")
		for i, key := range protoimpl.SortedEntries(value) {
			if i > 0 {
				w.raw(",")
			}
			if err := w.string(fmt.Sprint(key.Interface())); err != nil {
				return err
			}
			w.raw(":")
			if err := w.value(field, value.MapIndex(key)); err != nil {
				return err
			}
		}
		w.raw("}")
		return nil
	case isList(field, ty):
		w.raw("[")
		for i := range value.Len() {
			if i > 0 {
				w.raw(",")
			}
			if err := w.value(field, value.Index(i)); err != nil {
				return err
			}
		}
		w.raw("]")
		return nil
	}
	return w.value(field, value)
}

var (
	bytesType   = reflect.TypeFor[[]byte]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	pathsType   = reflect.TypeFor[[]string]()
	enumType    = reflect.TypeFor[protoimpl.Enum]()
	messageType = reflect.TypeFor[proto.Message]()
)

// isList says whether a field of a type is a repeated one.
func isList(field *protoimpl.Field, ty reflect.Type) bool {
	return ty.Kind() == reflect.Slice && ty != bytesType && ty != rawType &&
		(field.Kind != protoimpl.FieldMask || ty != pathsType)
}

func (w *writer) value(field *protoimpl.Field, value reflect.Value) error {
	switch field.Kind {
	case protoimpl.FieldMask:
		paths, _ := value.Interface().([]string)
		names := make([]string, len(paths))
		for i, path := range paths {
			name, err := camelPath(path)
			if err != nil {
				return err
			}
			names[i] = name
		}
		return w.string(strings.Join(names, ","))
	case protoimpl.Struct, protoimpl.Value, protoimpl.ListValue:
		tree, err := protoimpl.ParseJSON(field.Kind, value.Bytes())
		if err != nil {
			return err
		}
		text, err := json.Marshal(tree)
		w.text = append(w.text, text...)
		return err
	}
	if m, ok := value.Interface().(proto.Message); ok {
		if value.IsNil() {
			m = m.MessageType().New()
		}
		return w.message(m, "")
	}
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if enum, ok := value.Interface().(protoimpl.Enum); ok {
		number := int32(value.Int())
		if w.options.UseEnumNumbers || !enum.EnumType().Has(number) {
			w.text = strconv.AppendInt(w.text, int64(number), 10)
			return nil
		}
		if enum.EnumType().Name == "google.protobuf.NullValue" {
			w.raw("null")
			return nil
		}
		return w.string(enum.EnumType().NameOf(number))
	}
	switch value.Kind() {
	case reflect.Bool:
		w.text = strconv.AppendBool(w.text, value.Bool())
	case reflect.Int32:
		w.text = strconv.AppendInt(w.text, value.Int(), 10)
	case reflect.Int64:
		w.raw(`"` + strconv.FormatInt(value.Int(), 10) + `"`)
	case reflect.Uint32:
		w.text = strconv.AppendUint(w.text, value.Uint(), 10)
	case reflect.Uint64:
		w.raw(`"` + strconv.FormatUint(value.Uint(), 10) + `"`)
	case reflect.Float32:
		w.float(value.Float(), 32)
	case reflect.Float64:
		w.float(value.Float(), 64)
	case reflect.String:
		return w.string(value.String())
	default:
		w.raw(`"` + base64.StdEncoding.EncodeToString(value.Bytes()) + `"`)
	}
	return nil
}

func (w *writer) float(v float64, bits int) {
	switch {
	case math.IsNaN(v):
		w.raw(`"NaN"`)
	case math.IsInf(v, 1):
		w.raw(`"Infinity"`)
	case math.IsInf(v, -1):
		w.raw(`"-Infinity"`)
	default:
		format := byte('f')
		if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
			format = 'e'
		}
		w.text = strconv.AppendFloat(w.text, v, format, -1, bits)
	}
}

// isWellKnown says whether the JSON of a message is no object of its fields.
func isWellKnown(m proto.Message) bool {
	switch m.(type) {
	case *timestamppb.Timestamp, *durationpb.Duration, *anypb.Any, *emptypb.Empty:
		return true
	}
	return false
}

func (w *writer) wellKnown(m proto.Message) error {
	switch m := m.(type) {
	case *timestamppb.Timestamp:
		if !m.IsValid() {
			return fmt.Errorf("%d s and %d ns are not a time between the years 1 and 9999", m.GetSeconds(), m.GetNanos())
		}
		text := m.AsTime().Format("2006-01-02T15:04:05") + fraction(m.GetNanos()) + "Z"
		return w.string(text)
	case *durationpb.Duration:
		if !m.IsValid() {
			return fmt.Errorf("%d s and %d ns are not a duration", m.GetSeconds(), m.GetNanos())
		}
		sign, seconds, nanos := "", m.Seconds, m.Nanos
		if seconds < 0 || nanos < 0 {
			sign, seconds, nanos = "-", -seconds, -nanos
		}
		return w.string(sign + strconv.FormatInt(seconds, 10) + fraction(nanos) + "s")
	case *anypb.Any:
		if m.GetTypeUrl() == "" && len(m.GetValue()) == 0 {
			w.raw("{}")
			return nil
		}
		inner, err := m.UnmarshalNew()
		if err != nil {
			return err
		}
		return w.message(inner, m.GetTypeUrl())
	}
	w.raw("{}")
	return nil
}

// fraction returns the nanoseconds of a second with 0, 3, 6 or 9 digits.
func fraction(nanos int32) string {
	if nanos == 0 {
		return ""
	}
	text := fmt.Sprintf(".%09d", nanos)
	return strings.TrimSuffix(strings.TrimSuffix(text, "000"), "000")
}

// camelPath returns a path of a field mask as JSON has it: user_name becomes userName.
func camelPath(path string) (string, error) {
	var camel strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c >= 'A' && c <= 'Z', c == '_' && (i+1 == len(path) || path[i+1] < 'a' || path[i+1] > 'z'):
			return "", fmt.Errorf("the path %q of a field mask has no JSON", path)
		case c == '_':
			i++
			camel.WriteByte(path[i] - 'a' + 'A')
		default:
			camel.WriteByte(c)
		}
	}
	return camel.String(), nil
}
