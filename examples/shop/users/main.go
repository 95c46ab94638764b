// Service shop.users.v1.Users.
//
// It keeps nothing: what an instance remembers, other instances do not know, and none lives for ever. So the users are a
// table in the program, and a user that is created is checked, given its id and handed back, but not stored.
package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strings"

	"okra"
	"okra/codes"
	"okra/errdetails"
	"okra/timestamppb"

	usersv1 "users/gen/shop/users/v1"
)

type service struct{}

func (service) GetUser(_ context.Context, req *usersv1.GetUserRequest) (*usersv1.User, error) {
	for _, user := range users() {
		if user.UserId == req.UserId {
			return user, nil
		}
	}
	return nil, okra.Errorf(codes.NotFound, "there is no user `%s`", req.UserId)
}

func (service) ListUsers(_ context.Context, req *usersv1.ListUsersRequest) (*usersv1.ListUsersResponse, error) {
	matching := slices.DeleteFunc(users(), func(user *usersv1.User) bool {
		return req.Kind != nil && *req.Kind != user.Kind
	})
	if req.Limit != 0 && int(req.Limit) < len(matching) {
		matching = matching[:req.Limit]
	}
	return &usersv1.ListUsersResponse{Users: matching}, nil
}

func (service) CreateUser(ctx context.Context, req *usersv1.CreateUserRequest) (*usersv1.User, error) {
	if err := check(req); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(users(), func(user *usersv1.User) bool { return user.Email == req.Email }) {
		taken := okra.Error(codes.AlreadyExists, "there is a user with this address")
		return nil, errdetails.With(taken, &errdetails.ErrorInfo{Reason: "EMAIL_TAKEN", Domain: "users.shop.example"})
	}
	user := &usersv1.User{
		UserId:    idOf(req.Email),
		Name:      req.Name,
		Email:     req.Email,
		Kind:      req.Kind,
		Address:   req.Address,
		CreatedAt: timestamppb.Now(),
	}
	slog.InfoContext(ctx, "created", "user", user.UserId)
	return user, nil
}

func check(req *usersv1.CreateUserRequest) error {
	wrong := &errdetails.BadRequest{}
	if strings.TrimSpace(req.Name) == "" {
		wrong.Add("name", "must not be empty")
	}
	if user, host, ok := strings.Cut(req.Email, "@"); !ok || user == "" || !strings.Contains(host, ".") {
		wrong.Add("email", "must be an address such as ada@example.com")
	}
	if req.Kind != usersv1.Kind_KIND_PERSON && req.Kind != usersv1.Kind_KIND_COMPANY {
		wrong.Add("kind", "must be KIND_PERSON or KIND_COMPANY")
	}
	if req.Address != nil && len(req.Address.Country) != 2 {
		wrong.Add("address.country", "must be two letters, as ISO 3166-1 has them")
	}
	if len(wrong.FieldViolations) == 0 {
		return nil
	}
	return errdetails.With(okra.Error(codes.InvalidArgument, "the user cannot be created so"), wrong)
}

// idOf gives an id that follows from the address alone, so that every instance gives the same.
func idOf(email string) string {
	hash := fnv.New64a()
	hash.Write([]byte(email))
	return fmt.Sprintf("u-%016x", hash.Sum64())
}

func main() {
	usersv1.RegisterUsersServer(service{})
}
