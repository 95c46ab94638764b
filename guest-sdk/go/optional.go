package okra

// Ptr gives a pointer to a value, for fields that are optional.
func Ptr[T any](value T) *T {
	return &value
}
