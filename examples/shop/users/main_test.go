package main

import (
	"testing"

	"okra"
	"okra/codes"
	"okra/okratest"

	usersv1 "users/gen/shop/users/v1"
)

func TestUsersAreFoundByID(t *testing.T) {
	ctx, _ := okratest.NewContext(t.Context())
	user, err := service{}.GetUser(ctx, &usersv1.GetUserRequest{UserId: "u-1"})
	if err != nil || user.Name != "Ada Lovelace" {
		t.Errorf("got %v, %v", user, err)
	}
	_, err = service{}.GetUser(ctx, &usersv1.GetUserRequest{UserId: "u-9"})
	if okra.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestListsCanBeNarrowed(t *testing.T) {
	for _, test := range []struct {
		req  *usersv1.ListUsersRequest
		want int
	}{
		{&usersv1.ListUsersRequest{}, 3},
		{&usersv1.ListUsersRequest{Kind: usersv1.Kind_KIND_COMPANY.Enum()}, 1},
		{&usersv1.ListUsersRequest{Limit: 2}, 2},
	} {
		ctx, _ := okratest.NewContext(t.Context())
		list, err := service{}.ListUsers(ctx, test.req)
		if err != nil || len(list.Users) != test.want {
			t.Errorf("%v: got %v, %v", test.req, list, err)
		}
	}
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	ctx, _ := okratest.NewContext(t.Context())
	_, err := service{}.CreateUser(ctx, &usersv1.CreateUserRequest{})
	if status := okra.Convert(err); status.Code != codes.InvalidArgument || len(status.Details) != 1 {
		t.Errorf("got %v", err)
	}
	taken := &usersv1.CreateUserRequest{Name: "Ada", Email: "ada@example.com", Kind: usersv1.Kind_KIND_PERSON}
	_, err = service{}.CreateUser(ctx, taken)
	if okra.Code(err) != codes.AlreadyExists {
		t.Errorf("got %v", err)
	}
}
