//! Hostile guests: each of their methods takes something without end, on all instances that it can have.

use std::time::Duration;

use crate::withstand::peer::{Peer, frame, hostile};
use crate::withstand::{Attack, Attacking};

/// Callers of the hostile method: more than there are instances.
const CALLERS: usize = 24;

macro_rules! guest_attacks {
    ($($name:literal: $method:literal),+ $(,)?) => {
        vec![$(Attack { name: $name, begin: |address| call_hostile(address, $method) }),+]
    };
}

/// The attacks by guests.
pub(crate) fn attacks() -> Vec<Attack> {
    guest_attacks! {
        "guests that compute without end": "Spin",
        "guests that take memory without end": "Allocate",
        "guests that call themselves without end": "Recurse",
        "guests that print lines without end": "PrintLines",
        "guests that log without end": "Log",
        "guests that take random bytes without end": "Random",
        "guests that make scopes without end": "MakeScopes",
        "guests that set 30,000 headers": "SetHeaders",
    }
}

fn call_hostile(address: String, method: &'static str) -> Attacking {
    Box::pin(async move {
        let mut callers = tokio::task::JoinSet::new();
        let peer = Peer::connect(&address).await?;
        for _ in 0..CALLERS {
            let peer = peer.clone();
            callers.spawn(async move {
                loop {
                    // Each call fails, in one way or another.
                    let _ = peer.call(&hostile(method), frame(&[])).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
        while callers.join_next().await.is_some() {}
        Ok(())
    })
}
