package protojson

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

func readScalar(tree any, to reflect.Value) error {
	switch to.Kind() {
	case reflect.Bool:
		value, ok := tree.(bool)
		if !ok {
			return fmt.Errorf("expected a bool, found %s", kindOf(tree))
		}
		to.SetBool(value)
	case reflect.String:
		text, ok := tree.(string)
		if !ok {
			return fmt.Errorf("expected a string, found %s", kindOf(tree))
		}
		to.SetString(text)
	case reflect.Slice:
		text, ok := tree.(string)
		if !ok {
			return fmt.Errorf("expected a string, found %s", kindOf(tree))
		}
		// Both alphabets, with padding or without.
		text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
		value, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		to.SetBytes(value)
	default:
		switch tree := tree.(type) {
		case json.Number:
			return readNumber(tree, to)
		case string:
			return readText(tree, to)
		}
		return fmt.Errorf("expected a number, found %s", kindOf(tree))
	}
	return nil
}

// readText reads a number from a string.
func readText(text string, to reflect.Value) error {
	if to.CanFloat() {
		switch text {
		case "NaN":
			to.SetFloat(math.NaN())
			return nil
		case "Infinity":
			to.SetFloat(math.Inf(1))
			return nil
		case "-Infinity":
			to.SetFloat(math.Inf(-1))
			return nil
		}
	}
	if !json.Valid([]byte(text)) || strings.TrimSpace(text) != text {
		return fmt.Errorf("%q is no number", text)
	}
	return readNumber(json.Number(text), to)
}

func readNumber(number json.Number, to reflect.Value) error {
	text := string(number)
	bits := to.Type().Bits()
	outOfRange := fmt.Errorf("%s is no number of its type", text)
	if to.CanFloat() {
		value, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return outOfRange
		}
		to.SetFloat(value)
		return nil
	}
	if strings.ContainsAny(text, ".eE") {
		whole, err := wholeNumber(text)
		if err != nil {
			return outOfRange
		}
		text = whole
	}
	if to.CanInt() {
		value, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return outOfRange
		}
		to.SetInt(value)
		return nil
	}
	if text == "-0" {
		text = "0"
	}
	value, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return outOfRange
	}
	to.SetUint(value)
	return nil
}

// wholeNumber returns a number such as 1.5e3 without fraction and exponent, if it has none.
func wholeNumber(text string) (string, error) {
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	exponent := 0
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[at+1:]); err != nil {
			return "", err
		}
		text = text[:at]
	}
	before, after, _ := strings.Cut(text, ".")
	after = strings.TrimRight(after, "0")
	exponent -= len(after)
	digits := strings.TrimLeft(before+after, "0")
	if digits == "" {
		return "0", nil
	}
	for exponent < 0 && strings.HasSuffix(digits, "0") {
		digits = strings.TrimSuffix(digits, "0")
		exponent++
	}
	if exponent < 0 || exponent > 20 {
		return "", errors.New("not a whole number")
	}
	return sign + digits + strings.Repeat("0", exponent), nil
}
