//! A guest whose messages are in packages with keywords in their names, and in a package with a recursive message.

okra_guest::generate!();

use okra_guest::Error;
use proto::test::match_::v1::Range;
use proto::test::packages::v1::{Packages, Parcel};
use proto::test::tree::v1::Node;
use proto::test::type_::{self, Locator, Point};

struct Guest;

impl Packages for Guest {
    fn turn(request: Parcel) -> Result<Parcel, Error> {
        let point = request.point.unwrap_or_default();
        let range = request.range.unwrap_or_default();
        Ok(Parcel {
            point: Some(type_::locator::mirror(point)?),
            range: Some(Range { gen_: range.end, end: range.gen_ }),
            tree: request.tree.map(turn_tree),
        })
    }
}

impl Locator for Guest {
    fn mirror(request: Point) -> Result<Point, Error> {
        Ok(Point { x: request.y, y: request.x })
    }
}

/// Reverses the children of all nodes.
fn turn_tree(node: Node) -> Node {
    Node { name: node.name, children: node.children.into_iter().rev().map(turn_tree).collect() }
}

okra_guest::export!(Guest);
