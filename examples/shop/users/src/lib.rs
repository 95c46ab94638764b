//! Service `shop.users.v1.Users`.
//!
//! It keeps nothing: what an instance remembers, other instances do not know, and none lives for ever. So the users are a
//! table in the program, and a user that is created is checked, given its id and handed back, but not stored.

mod seed;

okra_guest::generate!();

use okra_guest::Error;
use okra_guest::details::{BadRequest, ErrorInfo};
use okra_guest::log::info;
use okra_guest::well_known::Timestamp;
use users::{CreateUserRequest, GetUserRequest, Kind, ListUsersRequest, ListUsersResponse, User, Users};

struct Service;

impl Users for Service {
    fn get_user(request: GetUserRequest) -> Result<User, Error> {
        let found = seed::users().find(|user| user.user_id == request.user_id);
        found.ok_or_else(|| Error::not_found(format!("there is no user `{}`", request.user_id)))
    }

    fn list_users(request: ListUsersRequest) -> Result<ListUsersResponse, Error> {
        let limit = if request.limit == 0 { usize::MAX } else { request.limit as usize };
        let matching = seed::users().filter(|user| request.kind.is_none_or(|kind| kind == user.kind));
        Ok(ListUsersResponse { users: matching.take(limit).collect() })
    }

    fn create_user(request: CreateUserRequest) -> Result<User, Error> {
        check(&request)?;
        if seed::users().any(|user| user.email == request.email) {
            let info =
                ErrorInfo { reason: "EMAIL_TAKEN".into(), domain: "users.shop.example".into(), ..Default::default() };
            return Err(Error::already_exists("there is a user with this address").with(info));
        }
        let user = User {
            user_id: id_of(&request.email),
            name: request.name,
            email: request.email,
            kind: request.kind,
            address: request.address,
            created_at: Some(Timestamp::now()),
        };
        info!(user = user.user_id; "created");
        Ok(user)
    }
}

fn check(request: &CreateUserRequest) -> Result<(), Error> {
    let mut wrong = BadRequest::default();
    if request.name.trim().is_empty() {
        wrong.violation("name", "must not be empty");
    }
    if !matches!(request.email.split_once('@'), Some((user, host)) if !user.is_empty() && host.contains('.')) {
        wrong.violation("email", "must be an address such as ada@example.com");
    }
    if !matches!(request.kind, Kind::Person | Kind::Company) {
        wrong.violation("kind", "must be KIND_PERSON or KIND_COMPANY");
    }
    if let Some(address) = &request.address {
        if address.country.len() != 2 {
            wrong.violation("address.country", "must be two letters, as ISO 3166-1 has them");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::invalid_argument("the user cannot be created so").with(wrong)) }
}

/// An id that follows from the address alone (FNV-1a), so that every instance gives the same.
fn id_of(email: &str) -> String {
    let hash = email
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("u-{hash:016x}")
}

okra_guest::export!(Service);

#[cfg(test)]
mod tests {
    use okra_guest::Code;

    use super::*;

    #[test]
    fn users_are_found_by_id() {
        let user = Service::get_user(GetUserRequest { user_id: "u-1".into() }).unwrap();
        assert_eq!(user.name, "Ada Lovelace");
        let error = Service::get_user(GetUserRequest { user_id: "u-9".into() }).unwrap_err();
        assert_eq!(error.code, Code::NotFound);
    }

    #[test]
    fn lists_can_be_narrowed() {
        let companies = ListUsersRequest { kind: Some(Kind::Company), limit: 0 };
        assert_eq!(Service::list_users(companies).unwrap().users.len(), 1);
        let two = ListUsersRequest { kind: None, limit: 2 };
        assert_eq!(Service::list_users(two).unwrap().users.len(), 2);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let error = Service::create_user(CreateUserRequest::default()).unwrap_err();
        assert_eq!((error.code, error.details.len()), (Code::InvalidArgument, 1));
        let taken = CreateUserRequest {
            name: "Ada".into(),
            email: "ada@example.com".into(),
            kind: Kind::Person,
            ..Default::default()
        };
        assert_eq!(Service::create_user(taken).unwrap_err().code, Code::AlreadyExists);
    }
}
