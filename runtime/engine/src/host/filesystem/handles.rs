//! The host's files that a run holds open: counted, because all runs share what the process may open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::ErrorCode;

use crate::config::MAX_OPEN_FILES;
use crate::ended::Ended;

/// What a run holds open.
#[derive(Debug, Default)]
pub(super) struct OpenHandles(Arc<AtomicU64>);

impl OpenHandles {
    /// Counts one more, for as long as what is returned lives.
    pub(super) fn take(&self) -> Result<Arc<OpenHandle>, Ended> {
        let handle = OpenHandle(self.0.clone());
        if self.0.fetch_add(1, Ordering::Relaxed) >= MAX_OPEN_FILES {
            return Err(Ended::bound(ErrorCode::WorkspaceLimit, "open_files", MAX_OPEN_FILES));
        }
        Ok(Arc::new(handle))
    }
}

/// A file of the host's that is open. A descriptor and the streams on it share one.
#[derive(Debug)]
pub(super) struct OpenHandle(Arc<AtomicU64>);

impl Drop for OpenHandle {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_counts_until_its_last_user_is_gone() {
        let handles = OpenHandles::default();
        let held: Vec<_> = (0..MAX_OPEN_FILES).map(|_| handles.take().unwrap()).collect();
        let stream = held[0].clone();
        assert!(handles.take().is_err());
        drop(held);
        assert!((1..MAX_OPEN_FILES).all(|_| handles.take().is_ok()));
        assert_eq!(handles.0.load(Ordering::Relaxed), 1, "the stream's is open");
        drop(stream);
        assert_eq!(handles.0.load(Ordering::Relaxed), 0);
    }
}
