// Package errdetails has the details that errors usually carry: the messages of google/rpc/error_details.proto, which clients
// of every language know.
//
//	wrong := &errdetails.BadRequest{}
//	wrong.Add("name", "must not be empty")
//	return nil, errdetails.With(okra.Error(codes.InvalidArgument, "the request has a mistake"), wrong)
package errdetails

import (
	"okra"
	"okra/proto"
	"okra/protoimpl"
)

// With gives the error with these details, too: messages of this package, or any other.
func With(err error, messages ...proto.Message) error {
	if err == nil {
		return nil
	}
	status := okra.Convert(err)
	for _, message := range messages {
		url := "type.googleapis.com/" + proto.MessageName(message)
		status = status.With(okra.Detail{TypeURL: url, Value: protoimpl.Encode(message)})
	}
	return status
}

// Of returns the details of an error that are of a type, such as [*BadRequest]. Details that are not valid are left out.
func Of[M proto.Message](err error) []M {
	var found []M
	if err == nil {
		return nil
	}
	var table M
	for _, detail := range okra.Convert(err).Details {
		if detail.TypeURL != "type.googleapis.com/"+proto.MessageName(table) {
			continue
		}
		m, ok := table.MessageType().New().(M)
		if ok && proto.Unmarshal(detail.Value, m) == nil {
			found = append(found, m)
		}
	}
	return found
}

// Add adds a field that is wrong.
func (x *BadRequest) Add(field, description string) {
	violation := &BadRequest_FieldViolation{Field: field, Description: description}
	x.FieldViolations = append(x.FieldViolations, violation)
}
