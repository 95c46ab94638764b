//! What is compared with what.

use std::time::Duration;

use miette::{Context as _, IntoDiagnostic as _};
use prost::Message as _;
use tokio::time::timeout;

use crate::client::{Call, Protocol};
use crate::load::{Load, Measured};
use crate::messages::{self, Blob, FeedRequest, RepeatRequest, RepeatResponse};
use crate::servers::{Host, Servers};

pub(crate) const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_millis(500);
/// A round that has not ended so long after its time never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls that the relay guest makes in one call of its own.
const REPEATED: u32 = 5_000;

const SMALL: &str = "/bench.echo.v1.Echo/Small";
const ITEMS: &str = "/bench.echo.v1.Echo/Items";
const BYTES: &str = "/bench.echo.v1.Echo/Bytes";
const TALK: &str = "/bench.echo.v1.Echo/Talk";
const FEED: &str = "/bench.echo.v1.Echo/Feed";

/// Two things that are measured in turn.
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    callers: usize,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
    /// What is measured in the same rounds for comparison: theirs with our allocator.
    pub(crate) also: Option<Side>,
}

/// All comparisons: those of OKRA itself, then those of guests in a language beside servers in the same language.
pub(crate) fn all() -> Vec<Comparison> {
    ours().into_iter().chain(python()).chain(go()).collect()
}

type Answerer = (&'static str, Host);

const TONIC: [Answerer; 2] = [("okra", Host::Okra), ("tonic", Host::Native)];
const GRPCIO: [Answerer; 2] = [("okra", Host::Python), ("grpcio", Host::Grpcio)];
const ASYNCIO: [Answerer; 2] = [("okra", Host::Python), ("asyncio", Host::GrpcioAsyncio)];
const GRPC_GO: [Answerer; 2] = [("okra", Host::Go), ("grpc-go", Host::GrpcGo)];

/// Guests in Python beside Python on grpcio.
fn python() -> [Comparison; 9] {
    let (note, list) = (messages::note(), messages::basket(100));
    let (one, many) = ("a small message, 1 caller", "a small message, 64 callers");
    let (one_list, many_list) = ("100 items there and back, 1 caller", "100 items there and back, 64 callers");
    [
        Comparison::echo("python-1", one, 1, GRPCIO, SMALL, &note),
        Comparison::echo("python-64", many, 64, GRPCIO, SMALL, &note),
        Comparison::echo("python-list-1", one_list, 1, GRPCIO, ITEMS, &list),
        Comparison::echo("python-list-64", many_list, 64, GRPCIO, ITEMS, &list),
        Comparison::echo("python-asyncio-1", one, 1, ASYNCIO, SMALL, &note),
        Comparison::echo("python-asyncio-64", many, 64, ASYNCIO, SMALL, &note),
        Comparison::echo("python-asyncio-list-1", one_list, 1, ASYNCIO, ITEMS, &list),
        Comparison::echo("python-asyncio-list-64", many_list, 64, ASYNCIO, ITEMS, &list),
        Comparison::isolation("python-request-isolation", [Host::PythonIsolated, Host::Python]),
    ]
}

/// Guests in Go beside grpc-go.
fn go() -> [Comparison; 5] {
    let (note, list) = (messages::note(), messages::basket(100));
    [
        Comparison::echo("go-1", "a small message, 1 caller", 1, GRPC_GO, SMALL, &note),
        Comparison::echo("go-64", "a small message, 64 callers", 64, GRPC_GO, SMALL, &note),
        Comparison::echo("go-list-1", "100 items there and back, 1 caller", 1, GRPC_GO, ITEMS, &list),
        Comparison::echo("go-list-64", "100 items there and back, 64 callers", 64, GRPC_GO, ITEMS, &list),
        Comparison::isolation("go-request-isolation", [Host::GoIsolated, Host::Go]),
    ]
}

fn ours() -> [Comparison; 16] {
    let (note, list, basket, blob) =
        (messages::note(), messages::basket(100), messages::basket(10_000), messages::blob());
    let repeat = Side {
        label: "local",
        host: Host::Okra,
        call: Call::new("/bench.relay.v1.Relay/Repeat", &RepeatRequest { calls: REPEATED }),
        answer: RepeatResponse { answered: REPEATED }.encode_to_vec(),
        stands_for: REPEATED,
    };
    let small = Blob { data: vec![0; 16] };
    let large = Blob { data: vec![0; 64 << 10] };
    [
        Comparison::feed("feed-small", "a stream of small responses, 4 callers", 4, 10_000, &small),
        Comparison::feed("feed-64k", "a stream of responses of 64 KiB, 4 callers", 4, 500, &large),
        Comparison::talk("talk-small", "small messages there and back on streams, 16 callers", 16, 500, &small),
        Comparison::talk("talk-64k", "messages of 64 KiB there and back on streams, 4 callers", 4, 100, &large),
        Comparison::echo("unary-1", "a small message, 1 caller", 1, TONIC, SMALL, &note),
        Comparison::echo("unary-64", "a small message, 64 callers", 64, TONIC, SMALL, &note),
        Comparison::echo("list-1", "100 items there and back, 1 caller", 1, TONIC, ITEMS, &list),
        Comparison::echo("list-64", "100 items there and back, 64 callers", 64, TONIC, ITEMS, &list),
        Comparison::echo("items-10k", "10,000 items there and back, 4 callers", 4, TONIC, ITEMS, &basket),
        Comparison::echo("bytes-1mib", "1 MiB of bytes there and back, 4 callers", 4, TONIC, BYTES, &blob),
        Comparison::protocol("protocols-grpc", "gRPC / gRPC of tonic, 64 callers", Protocol::Grpc),
        Comparison::protocol("protocols-web", "gRPC-Web / gRPC of tonic, 64 callers", Protocol::GrpcWeb),
        Comparison::protocol("protocols-connect", "Connect / gRPC of tonic, 64 callers", Protocol::Connect),
        Comparison::protocol("protocols-json", "Connect in JSON / gRPC of tonic, 64 callers", Protocol::Json),
        Comparison::new(
            "local-call",
            "a component calls another in its process / a client calls it over loopback, 1 caller",
            1,
            repeat,
            Side::echo("gRPC", Host::Okra, SMALL, &note),
        ),
        Comparison::isolation("request-isolation", [Host::Isolated, Host::Okra]),
    ]
}

/// One of the two.
pub(crate) struct Side {
    pub(crate) label: &'static str,
    host: Host,
    call: Call,
    answer: Vec<u8>,
    /// How many calls one call stands for.
    stands_for: u32,
}

/// What a comparison came to.
pub(crate) struct Outcome {
    pub(crate) ours: Measured,
    pub(crate) others: Vec<OtherOutcome>,
}

/// What one of the others came to.
pub(crate) struct OtherOutcome {
    pub(crate) measured: Measured,
    /// Our rate divided by theirs.
    pub(crate) rate: Spread,
    /// Their CPU time of a call divided by ours.
    pub(crate) cpu: Spread,
}

/// A figure of each round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or_default();
        Self { median: at(figures.len() / 2), least: at(0), most: at(figures.len().saturating_sub(1)) }
    }
}

impl Side {
    /// A call of the echo service.
    fn echo(label: &'static str, host: Host, path: &'static str, message: &impl prost::Message) -> Self {
        Self { label, host, call: Call::new(path, message), answer: message.encode_to_vec(), stands_for: 1 }
    }

    async fn connect<'a>(&self, servers: &'a Servers, callers: usize) -> miette::Result<Load<'a>> {
        let server = servers.at(self.host)?;
        let load = Load::connect(server, self.call.clone(), &self.answer, self.stands_for, callers);
        load.await.wrap_err(self.label)
    }
}

impl Comparison {
    /// All sides, ours first.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Side> {
        [&self.ours, &self.theirs].into_iter().chain(&self.also)
    }

    /// The servers that it needs.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = Host> {
        self.sides().map(|side| side.host)
    }

    /// A comparison of two; tonic is measured with both allocators.
    fn new(name: &'static str, about: &'static str, callers: usize, ours: Side, theirs: Side) -> Self {
        let also = (theirs.host == Host::Native).then(|| Side {
            label: "tonic, mi",
            host: Host::NativeMimalloc,
            call: theirs.call.clone(),
            answer: theirs.answer.clone(),
            ..theirs
        });
        Self { name, about, callers, ours, theirs, also }
    }

    /// Two servers with the echo service.
    fn echo(
        name: &'static str,
        about: &'static str,
        callers: usize,
        [ours, theirs]: [Answerer; 2],
        path: &'static str,
        message: &impl prost::Message,
    ) -> Self {
        let side = |(label, host)| Side::echo(label, host, path, message);
        Self::new(name, about, callers, side(ours), side(theirs))
    }

    /// What a fresh instance for each call costs.
    fn isolation(name: &'static str, [request, instance]: [Host; 2]) -> Self {
        let about = "an instance for each call / instances that serve again, 64 callers";
        Self::echo(name, about, 64, [("request", request), ("instance", instance)], SMALL, &messages::note())
    }

    /// OKRA in another protocol against tonic's gRPC.
    fn protocol(name: &'static str, about: &'static str, protocol: Protocol) -> Self {
        let note = messages::note();
        let mut this = Self::echo(name, about, 64, TONIC, SMALL, &note);
        if protocol == Protocol::Json {
            this.ours.answer = messages::json(&note).into_bytes();
        }
        if protocol != Protocol::Grpc {
            this.ours.call = Call::by(protocol, SMALL, &this.ours.answer);
        }
        this
    }

    /// OKRA against tonic: calls with many responses, of which each counts.
    fn feed(name: &'static str, about: &'static str, callers: usize, count: u32, message: &Blob) -> Self {
        let request = FeedRequest { count, size: message.data.len() as u32 };
        Self::streaming(name, about, callers, Call::new(FEED, &request), count, message)
    }

    /// OKRA against tonic: client and server take turns on a stream, and each turn counts.
    fn talk(name: &'static str, about: &'static str, callers: usize, turns: u32, message: &Blob) -> Self {
        Self::streaming(name, about, callers, Call::in_turns(TALK, message, turns), turns, message)
    }

    fn streaming(
        name: &'static str,
        about: &'static str,
        callers: usize,
        call: Call,
        messages: u32,
        message: &Blob,
    ) -> Self {
        let frame = [&[0], &(message.encoded_len() as u32).to_be_bytes()[..], &message.encode_to_vec()].concat();
        let mut answer = frame.repeat(messages as usize);
        answer.drain(..5);
        let side = |label, host| Side { label, host, call: call.clone(), answer: answer.clone(), stands_for: messages };
        Self::new(name, about, callers, side("okra", Host::Okra), side("tonic", Host::Native))
    }

    /// Measures all sides in turn, and who goes first in turn as well: whatever else the machine does meets all of them.
    pub(crate) async fn run(&self, servers: &Servers) -> miette::Result<Outcome> {
        let mut loads = Vec::new();
        for side in self.sides() {
            loads.push(side.connect(servers, self.callers).await?);
        }
        for load in &loads {
            round(load, WARM_UP).await?;
        }
        let mut rounds: Vec<Vec<Measured>> = loads.iter().map(|_| Vec::new()).collect();
        for number in 0..ROUNDS {
            let mut order: Vec<_> = loads.iter().zip(&mut rounds).collect();
            order.rotate_left(number % loads.len());
            for (load, measured) in order {
                measured.push(round(load, ROUND).await?);
            }
        }
        let mut rounds = rounds.into_iter();
        let ours = rounds.next().unwrap_or_default();
        let others = rounds.map(|theirs| {
            let ratios = |figure: fn(&Measured, &Measured) -> f64| {
                Spread::of(ours.iter().zip(&theirs).map(|(our, their)| figure(our, their)).collect())
            };
            let rate = ratios(|our, their| our.rate() / their.rate());
            let cpu = ratios(|our, their| their.cpu_per_call() / our.cpu_per_call());
            OtherOutcome { rate, cpu, measured: Measured::sum(theirs) }
        });
        let others = others.collect();
        Ok(Outcome { ours: Measured::sum(ours), others })
    }
}

async fn round(load: &Load<'_>, length: Duration) -> miette::Result<Measured> {
    timeout(length + PATIENCE, load.round(length)).await.into_diagnostic().wrap_err("a server does not answer")?
}
