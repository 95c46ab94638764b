package protojson

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"okra/durationpb"
	"okra/timestamppb"
)

func readTimestamp(tree any, m *timestamppb.Timestamp) error {
	text, ok := tree.(string)
	if !ok {
		return fmt.Errorf("expected a string, found %s", kindOf(tree))
	}
	value, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || fractionDigits(text) > 9 {
		return fmt.Errorf("%q is no time such as 2024-01-02T15:04:05.678Z", text)
	}
	m.Seconds, m.Nanos = value.Unix(), int32(value.Nanosecond())
	if !m.IsValid() {
		return fmt.Errorf("%q is not between the years 1 and 9999", text)
	}
	return nil
}

// fractionDigits returns how many digits follow the seconds.
func fractionDigits(text string) int {
	_, after, _ := strings.Cut(text, ".")
	return len(after) - len(strings.TrimLeft(after, "0123456789"))
}

func readDuration(tree any, m *durationpb.Duration) error {
	text, ok := tree.(string)
	if !ok {
		return fmt.Errorf("expected a string, found %s", kindOf(tree))
	}
	wrong := fmt.Errorf("%q is no duration such as 1.5s", text)
	number, ok := strings.CutSuffix(text, "s")
	number, isNegative := strings.CutPrefix(number, "-")
	whole, fraction, hasFraction := strings.Cut(number, ".")
	isDigits := func(text string) bool { return strings.Trim(text, "0123456789") == "" }
	if !ok || whole == "" || !isDigits(whole) || !isDigits(fraction) || len(fraction) > 9 || hasFraction && fraction == "" {
		return wrong
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return wrong
	}
	nanos, err := strconv.ParseInt(fraction+strings.Repeat("0", 9-len(fraction)), 10, 32)
	if err != nil {
		return wrong
	}
	if isNegative {
		seconds, nanos = -seconds, -nanos
	}
	m.Seconds, m.Nanos = seconds, int32(nanos)
	if !m.IsValid() {
		return wrong
	}
	return nil
}

// snakePath returns a path of a field mask as messages have it: userName becomes user_name.
func snakePath(camel string) (string, error) {
	var path strings.Builder
	for i := 0; i < len(camel); i++ {
		c := camel[i]
		switch {
		case c == '_':
			return "", fmt.Errorf("the path %q of a field mask has a `_`", camel)
		case c >= 'A' && c <= 'Z':
			path.WriteByte('_')
			path.WriteByte(c - 'A' + 'a')
		default:
			path.WriteByte(c)
		}
	}
	return path.String(), nil
}
