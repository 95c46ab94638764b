//! The users that there are.

use okra_guest::well_known::Timestamp;

use crate::users::{Address, Kind, User};

pub(crate) fn users() -> impl Iterator<Item = User> {
    let ada = User {
        user_id: "u-1".into(),
        name: "Ada Lovelace".into(),
        email: "ada@example.com".into(),
        kind: Kind::Person,
        address: Some(Address {
            lines: vec!["12 St James's Square".into()],
            city: "London".into(),
            country: "GB".into(),
        }),
        created_at: at(1_700_000_000),
    };
    let grace = User {
        user_id: "u-2".into(),
        name: "Grace Hopper".into(),
        email: "grace@example.com".into(),
        kind: Kind::Person,
        address: None,
        created_at: at(1_710_000_000),
    };
    let engines = User {
        user_id: "u-3".into(),
        name: "Analytical Engines Lda".into(),
        email: "accounts@engines.example".into(),
        kind: Kind::Company,
        address: Some(Address {
            lines: vec!["Rua do Carmo 7".into(), "2.º Esq.".into()],
            city: "Lisboa".into(),
            country: "PT".into(),
        }),
        created_at: at(1_720_000_000),
    };
    [ada, grace, engines].into_iter()
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}
