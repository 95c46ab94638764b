//! The limit of open files, of which each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside those of connections that clients open: the log, packages, connections to other servers.
const RESERVE: u64 = 64;

/// Raises the soft limit of open files of the process to its hard limit. Returns how many connections of clients it leaves
/// room for; `None` when there is no limit.
pub fn raise_file_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            current
        }
    };
    limit.map(connections_of)
}

/// Returns how many connections there may be with so many files. An eighth of the files is left, at least 64, but never more
/// than a quarter.
fn connections_of(files: u64) -> u64 {
    (files - RESERVE.max(files / 8).min(files / 4)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_the_process_itself() {
        assert_eq!([0, 1, 100, 256, 1024, 100_000].map(connections_of), [1, 1, 75, 192, 896, 87_500]);
    }

    #[test]
    fn the_limit_is_raised_to_the_hard_one() {
        raise_file_limit();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
