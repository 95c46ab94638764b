//! Why descriptors have no mapping.

use miette::Diagnostic;
use prost_reflect::DescriptorPool;
use thiserror::Error;

/// Why there is no [`Schema`](crate::schema::Schema) for what was asked.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum SchemaError {
    /// A chosen service is not in the descriptors.
    #[error("the descriptors have no service `{service}`")]
    #[diagnostic(help("{}", known(nearest.as_deref(), available)))]
    UnknownService {
        /// The full name that was asked for.
        service: String,
        /// The service that was probably meant.
        nearest: Option<String>,
        /// Full names of all services that are there, sorted.
        available: Vec<String>,
    },

    /// Two protobuf packages have one WIT name.
    #[error("the protobuf packages `{first}` and `{second}` both become the WIT package `{wit}`")]
    #[diagnostic(help("rename one of them, or give it another version: what makes them differ is lost in WIT"))]
    PackageClash {
        /// protobuf name of one package.
        first: String,
        /// protobuf name of the other.
        second: String,
        /// The WIT name, such as `shop:billing@1.0.0`.
        wit: String,
    },

    /// Packages that use each other.
    #[error("protobuf packages use each other in a circle, which WIT packages cannot: {}", uses.join("; "))]
    #[diagnostic(help("move the messages that both sides use into a package of their own"))]
    PackageCycle {
        /// Who uses whom, such as "`a.v1.Foo` uses `b.v1.Bar`".
        uses: Vec<String>,
    },

    /// A message with too many members, or a oneof or an enum with too many cases.
    #[error("{what} `{name}` has {count} {parts}, but a component's types have at most {limit}")]
    TooMany {
        /// `message`, `oneof` or `enum`.
        what: &'static str,
        /// Full name.
        name: String,
        /// `members` or `cases`.
        parts: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },

    /// A message that takes too much memory even when it is empty, because messages lie inside of each other.
    #[error(
        "the record of message `{message}`, at `{path}`, takes {bytes} bytes of memory, but at most {limit} are possible"
    )]
    #[diagnostic(help(
        "messages that are not repeated lie inside of the record that has them: make some of them `repeated`, or fewer"
    ))]
    TooLarge {
        /// Full name.
        message: String,
        /// A message and the fields that lead from it to this one.
        path: String,
        /// Its size without what its strings and lists hold.
        bytes: u64,
        /// The largest size.
        limit: u64,
    },

    /// A message whose type, written out, has too many parts.
    #[error(
        "the type of message `{message}`, at `{path}`, has {parts} parts when written out, but at most {limit} are possible"
    )]
    #[diagnostic(help("a message that is used in several places counts once for each of them: use it in fewer"))]
    TooComplex {
        /// Full name.
        message: String,
        /// A message and the fields that lead from it to this one.
        path: String,
        /// Number of types in it, each counted as often as it is used.
        parts: u64,
        /// The largest number.
        limit: u64,
    },

    /// Messages inside of messages inside of messages.
    #[error("messages are nested too deeply at `{path}`: more than {limit} types inside of each other")]
    #[diagnostic(help("messages that refer to themselves may be as deep as they like: only different ones count"))]
    TooDeep {
        /// A message and the fields that lead from it to the innermost.
        path: String,
        /// The greatest depth.
        limit: usize,
    },
}

impl SchemaError {
    pub(super) fn unknown_service(pool: &DescriptorPool, service: &str) -> Self {
        let mut available: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
        available.sort();
        Self::UnknownService { service: service.to_owned(), nearest: nearest(service, &available), available }
    }
}

/// What is most like a name, whole or by the part after the last dot; nothing when nothing is much like it.
fn nearest(name: &str, among: &[String]) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let likeness = |other: &String| {
        let whole = strsim::normalized_damerau_levenshtein(name, other);
        whole.max(strsim::normalized_damerau_levenshtein(&last(name), &last(other)))
    };
    let rated = among.iter().map(|other| (likeness(other), other)).filter(|(likeness, _)| *likeness > 0.6);
    rated.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other.clone())
}

fn known(nearest: Option<&str>, available: &[String]) -> String {
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (nearest, available) {
        (_, []) => "they have no services at all".to_owned(),
        (Some(nearest), [_]) => format!("did you mean `{nearest}`?"),
        (Some(nearest), _) => format!("did you mean `{nearest}`? They have {}", list(available)),
        (None, _) => format!("they have {}", list(available)),
    }
}
