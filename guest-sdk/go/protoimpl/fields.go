package protoimpl

import (
	"cmp"
	"iter"
	"math"
	"reflect"
	"slices"
)

var messageInterface = reflect.TypeFor[Message]()

// Fields returns the fields of a message with their values, in the order of declaration: those that are set, or all except the
// cases of oneofs that are not chosen. An absent field that has one is a nil pointer, list or map.
func Fields(m Message, all bool) iter.Seq2[*Field, reflect.Value] {
	return func(yield func(*Field, reflect.Value) bool) {
		pointer := reflect.ValueOf(m)
		if pointer.IsNil() {
			return
		}
		message := pointer.Elem()
		fields := m.MessageType().Fields
		for i := range fields {
			field := &fields[i]
			value := message.Field(field.Index)
			if field.Case != nil {
				if value.IsNil() || value.Elem().Type() != reflect.TypeOf(field.Case) || value.Elem().IsNil() {
					continue
				}
				value = value.Elem().Elem().Field(0)
			} else if !all && !isSet(field, value) {
				continue
			}
			if !yield(field, value) {
				return
			}
		}
	}
}

func isSet(field *Field, value reflect.Value) bool {
	switch {
	case field.Presence == Required:
		return true
	case field.Presence == Explicit:
		return !value.IsNil()
	case value.Kind() == reflect.Slice || value.Kind() == reflect.Map:
		return value.Len() > 0
	case value.CanFloat():
		// Minus 0 is not the zero value.
		return math.Float64bits(value.Float()) != 0
	}
	return !value.IsZero()
}

// sortedValues sorts the keys of a map.
func sortedValues(keys []reflect.Value) []reflect.Value {
	slices.SortFunc(keys, func(one, other reflect.Value) int {
		switch {
		case one.CanInt():
			return cmp.Compare(one.Int(), other.Int())
		case one.CanUint():
			return cmp.Compare(one.Uint(), other.Uint())
		case one.Kind() == reflect.Bool:
			if one.Bool() == other.Bool() {
				return 0
			}
			if other.Bool() {
				return -1
			}
			return 1
		}
		return cmp.Compare(one.String(), other.String())
	})
	return keys
}

// SortedEntries returns the keys of a map that is a field, in their order.
func SortedEntries(field reflect.Value) []reflect.Value {
	return sortedValues(field.MapKeys())
}
