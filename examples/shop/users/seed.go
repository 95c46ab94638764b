package main

import (
	"okra/timestamppb"

	usersv1 "users/gen/shop/users/v1"
)

// users gives the users that there are.
func users() []*usersv1.User {
	return []*usersv1.User{
		{
			UserId: "u-1",
			Name:   "Ada Lovelace",
			Email:  "ada@example.com",
			Kind:   usersv1.Kind_KIND_PERSON,
			Address: &usersv1.Address{
				Lines:   []string{"12 St James's Square"},
				City:    "London",
				Country: "GB",
			},
			CreatedAt: &timestamppb.Timestamp{Seconds: 1_700_000_000},
		},
		{
			UserId:    "u-2",
			Name:      "Grace Hopper",
			Email:     "grace@example.com",
			Kind:      usersv1.Kind_KIND_PERSON,
			CreatedAt: &timestamppb.Timestamp{Seconds: 1_710_000_000},
		},
		{
			UserId: "u-3",
			Name:   "Analytical Engines Lda",
			Email:  "accounts@engines.example",
			Kind:   usersv1.Kind_KIND_COMPANY,
			Address: &usersv1.Address{
				Lines:   []string{"Rua do Carmo 7", "2.º Esq."},
				City:    "Lisboa",
				Country: "PT",
			},
			CreatedAt: &timestamppb.Timestamp{Seconds: 1_720_000_000},
		},
	}
}
