//! A guest that tries to reach what it was not given.

okra_guest::generate!();

use std::io::Read as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

use ambient::{Ambient, Attempt, AttemptWhat, Outcome};
use okra_guest::Error;

struct Service;

impl Ambient for Service {
    fn try_(request: Attempt) -> Result<Outcome, Error> {
        let what = request.what.ok_or_else(|| Error::invalid_argument("nothing to try"))?;
        Ok(match attempt(what) {
            Ok(said) => Outcome { refused: false, said },
            Err(error) => Outcome { refused: true, said: error.to_string() },
        })
    }
}

fn attempt(what: AttemptWhat) -> io::Result<String> {
    match what {
        AttemptWhat::ReadFile(path) => fs::read_to_string(path),
        AttemptWhat::WriteFile(path) => fs::write(path, "written").map(|()| "written".to_owned()),
        AttemptWhat::ListFolder(path) => fs::read_dir(path).map(|entries| entries.count().to_string()),
        AttemptWhat::ConnectPort(port) => {
            TcpStream::connect(("127.0.0.1", port as u16)).map(|_| "connected".to_owned())
        }
        AttemptWhat::Resolve(name) => (name.as_str(), 80).to_socket_addrs().map(|found| found.count().to_string()),
        AttemptWhat::Environment(_) => Ok(env::vars_os().count().to_string()),
        AttemptWhat::Arguments(_) => Ok(env::args_os().count().to_string()),
        AttemptWhat::Input(_) => {
            let mut read = String::new();
            io::stdin().read_to_string(&mut read)?;
            Ok(read)
        }
        AttemptWhat::Clock(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
            Ok(now.as_secs().to_string())
        }
        // What the standard library seeds its hash maps with.
        AttemptWhat::Random(_) => {
            use std::hash::{BuildHasher as _, RandomState};
            Ok(RandomState::new().hash_one(0).to_string())
        }
        AttemptWhat::Run(program) => Command::new(program).output().map(|_| "ran".to_owned()),
    }
}

okra_guest::export!(Service);
