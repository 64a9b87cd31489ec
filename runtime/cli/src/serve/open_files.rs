//! Files that the server may hold open: as many as the system lets it, since each guest may hold some.

use errand_engine::MAX_OPEN_FILES;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What connections, the store, compiled executors and logs need beside the guests.
const OF_THE_SERVER: u64 = 1_024;

/// Raises this process's limit, and warns where the slots could use up more.
pub(super) fn raise(slots: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // What can't be raised stays; the warning below says whether it is enough.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let wanted = needed(slots);
    if let Some(limit) = getrlimit(Resource::Nofile).current
        && limit < wanted
    {
        tracing::warn!(
            limit,
            wanted,
            slots,
            "tasks may open more files than this process may: raise `ulimit -n`, or use fewer slots"
        );
    }
}

fn needed(slots: usize) -> u64 {
    (slots as u64).saturating_mul(MAX_OPEN_FILES).saturating_add(OF_THE_SERVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_the_system_allows() {
        raise(1);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(needed(8), 1_024 + 8 * 256);
    }
}
