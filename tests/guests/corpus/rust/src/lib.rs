//! Answers each message with itself, after it went through the codec of the guest.

okra_guest::generate!();

use mirror::{Mirror, EmptyReader, EmptyWriter, ShapesReader, ShapesWriter, ValueReader, ValueWriter};
use okra_guest::well_known::Timestamp;
use okra_guest::{Error, Message};
use proto::a::b::c::v2::Item;
use proto::class::Keywords;
use proto::corpus::known::v2p1beta3::Known;
use proto::corpus::recursion::{A, Node, Pair};
use proto::corpus::scalars::v1::Scalars;
use proto::corpus::shapes::v1alpha::{Outer, Shapes, ShapesNothing};
use proto::default::Bare;
use proto::proto2only::{Clashing, Legacy};
use proto::type_::list::record::v1beta1::Everything;

struct Service;

/// Encodes and decodes a message.
fn turn<M: Message>(message: M) -> Result<M, Error> {
    Ok(M::decode(&message.encode_to_vec()?)?)
}

impl Mirror for Service {
    fn scalars(request: Scalars) -> Result<Scalars, Error> {
        turn(request)
    }

    fn shapes(request: Shapes) -> Result<Shapes, Error> {
        turn(request)
    }

    fn outer(request: Outer) -> Result<Outer, Error> {
        turn(request)
    }

    fn nothing(request: ShapesNothing) -> Result<ShapesNothing, Error> {
        turn(request)
    }

    fn known(request: Known) -> Result<Known, Error> {
        turn(request)
    }

    fn names(request: Everything) -> Result<Everything, Error> {
        turn(request)
    }

    fn node(request: Node) -> Result<Node, Error> {
        turn(request)
    }

    fn a(request: A) -> Result<A, Error> {
        turn(request)
    }

    fn pair(request: Pair) -> Result<Pair, Error> {
        turn(request)
    }

    fn legacy(request: Legacy) -> Result<Legacy, Error> {
        turn(request)
    }

    fn clashing(request: Clashing) -> Result<Clashing, Error> {
        turn(request)
    }

    fn item(request: Item) -> Result<Item, Error> {
        turn(request)
    }

    fn bare(request: Bare) -> Result<Bare, Error> {
        turn(request)
    }

    fn keywords(request: Keywords) -> Result<Keywords, Error> {
        turn(request)
    }

    fn empty() -> Result<(), Error> {
        Ok(())
    }

    fn struct_(request: String) -> Result<String, Error> {
        Ok(request)
    }

    fn text(request: String) -> Result<String, Error> {
        Ok(request)
    }

    fn mask(request: Vec<String>) -> Result<Vec<String>, Error> {
        Ok(request)
    }

    fn time(request: Timestamp) -> Result<Timestamp, Error> {
        turn(request)
    }

    fn stream(requests: &ShapesReader, responses: &ShapesWriter) -> Result<(), Error> {
        requests.into_iter().try_for_each(|request| responses.write(&request?))
    }

    fn values(requests: &ValueReader, responses: &ValueWriter) -> Result<(), Error> {
        requests.into_iter().try_for_each(|request| responses.write(&request?))
    }

    fn ticks(requests: &EmptyReader, responses: &EmptyWriter) -> Result<(), Error> {
        requests.into_iter().try_for_each(|request| responses.write(request?))
    }
}

okra_guest::export!(Service);
