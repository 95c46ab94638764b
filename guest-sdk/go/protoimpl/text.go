package protoimpl

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Text returns a message as text, for logs: fields by name, those that are set, in the order of declaration.
func Text(m Message) string {
	var text strings.Builder
	writeText(&text, m, MaxDepth)
	return text.String()
}

func writeText(text *strings.Builder, m Message, depth int) {
	v := reflect.ValueOf(m)
	if v.IsNil() {
		return
	}
	if depth == 0 {
		text.WriteString("...")
		return
	}
	isFirst := true
	for field, value := range Fields(m, false) {
		write := func(value reflect.Value, key string) {
			if !isFirst {
				text.WriteByte(' ')
			}
			isFirst = false
			text.WriteString(field.Name)
			text.WriteByte(':')
			if key != "" {
				text.WriteString("{key:" + key + " value:")
				writeTextValue(text, value, depth)
				text.WriteByte('}')
				return
			}
			writeTextValue(text, value, depth)
		}
		switch {
		case field.Kind >= FieldMask && value.Kind() == reflect.Slice && !isRepeated(value):
			write(value, "")
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() != reflect.Uint8:
			for i := range value.Len() {
				write(value.Index(i), "")
			}
		case value.Kind() == reflect.Map:
			keys := value.MapKeys()
			for _, key := range sortedValues(keys) {
				var name strings.Builder
				writeTextValue(&name, key, depth)
				write(value.MapIndex(key), name.String())
			}
		default:
			write(value, "")
		}
	}
}

// isRepeated says whether a field of a Kind that is a slice itself is a list of them.
func isRepeated(value reflect.Value) bool {
	element := value.Type().Elem().Kind()
	return element == reflect.Slice
}

func writeTextValue(text *strings.Builder, value reflect.Value, depth int) {
	if value.Kind() == reflect.Pointer && !value.Type().Implements(messageInterface) {
		value = value.Elem()
	}
	switch it := value.Interface().(type) {
	case Message:
		text.WriteByte('{')
		writeText(text, it, depth-1)
		text.WriteByte('}')
	case Enum:
		text.WriteString(it.String())
	case string:
		text.WriteString(strconv.Quote(it))
	case []string:
		fmt.Fprintf(text, "%q", it)
	default:
		if value.Kind() == reflect.Slice {
			text.WriteString(strconv.Quote(string(value.Bytes())))
			return
		}
		fmt.Fprint(text, it)
	}
}
