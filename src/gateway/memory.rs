//! The memory that the process may have, by its control groups and by the machine.

use std::fs;
use std::path::Path;

/// Returns the bytes of memory that the process may have: the least of the limits of its control group (version 2 or 1), of
/// the groups above that, and of the machine's memory. `None` where there is no `/proc`.
pub(crate) fn available_memory() -> Option<u64> {
    available_below(Path::new("/"))
}

/// The same in a folder that stands for `/`.
fn available_below(root: &Path) -> Option<u64> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| kibibytes(&text, "MemTotal:"));
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = memberships.lines().filter_map(|line| {
        // `0::/group` in version 2, `4:memory:/group` in version 1.
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let folders = Path::new(group).ancestors();
        let files = folders.map(|folder| root.join(mount).join(folder.strip_prefix("/").unwrap_or(folder)).join(file));
        // A group without a limit has the text `max`, or in version 1 a number larger than any machine.
        files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok()).min()
    });
    limits.chain(machine).min()
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_machine_can_be_read() {
        assert!(available_memory().unwrap() > 1 << 20);
    }

    #[test]
    fn the_least_limit_counts_of_both_versions_and_of_the_groups_above() {
        for (membership, limits, wanted) in [
            ("0::/pod/box", &[("sys/fs/cgroup/pod/box/memory.max", "max")][..], 8 << 20),
            ("0::/pod/box", &[("sys/fs/cgroup/pod/memory.max", "3000\n")], 3000),
            ("0::/pod/box", &[("sys/fs/cgroup/memory.max", "9"), ("sys/fs/cgroup/pod/box/memory.max", "7")], 7),
            ("4:cpu,memory:/a/b\n3:pids:/a", &[("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000")], 5000),
            ("4:memory:/not/seen/here", &[("sys/fs/cgroup/memory/memory.limit_in_bytes", "6000")], 6000),
            ("4:memory:/a", &[("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712")], 8 << 20),
        ] {
            let root = tempfile::tempdir().unwrap();
            let files = [("proc/meminfo", "MemTotal:        8192 kB\n"), ("proc/self/cgroup", membership)];
            for (path, text) in files.iter().chain(limits) {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            assert_eq!(available_below(root.path()), Some(wanted), "{membership}: {limits:?}");
        }
    }
}
