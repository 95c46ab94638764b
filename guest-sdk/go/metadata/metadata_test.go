package metadata_test

import (
	"slices"
	"testing"

	"okra/metadata"
)

func TestNamesAreFoundInAnyCaseAndValuesInTheirOrder(t *testing.T) {
	md := metadata.Pairs("X-A", "1", "b-bin", "\xff", "x-a", "2")
	if !slices.Equal(md.Get("x-A"), []string{"1", "2"}) || md.Len() != 2 {
		t.Errorf("got %v", md)
	}
	md.Set("X-A")
	md.Append("c", "3")
	if md.Len() != 2 || md.Get("x-a") != nil {
		t.Errorf("got %v", md)
	}
}

func TestWhatIsAppendedLeavesTheOuterContextAlone(t *testing.T) {
	outer := metadata.AppendToOutgoingContext(t.Context(), "a", "1")
	inner := metadata.AppendToOutgoingContext(outer, "a", "2", "b", "3")
	outerMD, _ := metadata.FromOutgoingContext(outer)
	innerMD, _ := metadata.FromOutgoingContext(inner)
	if !slices.Equal(outerMD.Get("a"), []string{"1"}) || !slices.Equal(innerMD.Get("a"), []string{"1", "2"}) {
		t.Errorf("got %v and %v", outerMD, innerMD)
	}
}
