//! Two services that call each other, on instances of one component.

okra_guest::generate!();

use okra_guest::{Error, context};
use ping::{Ball, Ping};
use pong::Pong;

struct Service;

/// The next hit, or the end of the game.
fn hit(ball: Ball, next: fn(&Ball) -> Result<Ball, Error>) -> Result<Ball, Error> {
    match ball.left.checked_sub(1) {
        Some(left) => next(&Ball { left, ..ball }),
        None => Ok(Ball { chain: context::chain(), ..ball }),
    }
}

impl Ping for Service {
    fn hit(ball: Ball) -> Result<Ball, Error> {
        hit(ball, pong::hit)
    }
}

impl Pong for Service {
    fn hit(ball: Ball) -> Result<Ball, Error> {
        hit(ball, ping::hit)
    }

    fn hide(ball: Ball) -> Result<Ball, Error> {
        Ok(ball)
    }

    fn peek(ball: Ball) -> Result<Ball, Error> {
        pong::hide(&ball)
    }

    fn solo(ball: Ball) -> Result<Ball, Error> {
        hit(ball, pong::hit)
    }
}

okra_guest::export!(Service);
