//! Slots: how many guests compute at once. A guest that waits gives its slot away, and takes one again,
//! ahead of new work, before it goes on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, oneshot};

/// All slots of a worker.
pub(crate) struct Slots {
    count: usize,
    free: AtomicUsize,
    /// Who waits for a slot to go on in, oldest first. At most as many as instances may stay warm.
    returning: Mutex<VecDeque<oneshot::Sender<Permit>>>,
    /// Told when a slot is free.
    freed: Arc<Notify>,
}

impl Slots {
    pub(super) fn new(count: usize, freed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { count, free: AtomicUsize::new(count), returning: Mutex::default(), freed })
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns how many are free.
    pub(crate) fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }

    /// Takes a free slot, if there is one.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.permit()?;
        Some(Slot { slots: Arc::clone(self), permit: Mutex::new(Some(permit)) })
    }

    /// Tells whether somebody waits to go on.
    pub(super) fn is_wanted(&self) -> bool {
        !self.returning().is_empty()
    }

    fn permit(self: &Arc<Self>) -> Option<Permit> {
        let take = |free: usize| free.checked_sub(1);
        let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.ok().map(|_| Permit(Some(Arc::clone(self))))
    }

    fn returning(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<Permit>>> {
        self.returning.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// The right to compute.
struct Permit(Option<Arc<Slots>>);

impl Drop for Permit {
    fn drop(&mut self) {
        // Nothing where it was handed over.
        let Some(slots) = self.0.take() else { return };
        let mut returning = slots.returning();
        while let Some(next) = returning.pop_front() {
            match next.send(Permit(Some(Arc::clone(&slots)))) {
                Ok(()) => return,
                // Its receiver is gone.
                Err(mut unwanted) => unwanted.0 = None,
            }
        }
        slots.free.fetch_add(1, Ordering::AcqRel);
        drop(returning);
        slots.freed.notify_one();
    }
}

/// A lane's slot, which it may give away for a while.
pub(super) struct Slot {
    slots: Arc<Slots>,
    permit: Mutex<Option<Permit>>,
}

impl Slot {
    /// Gives the slot away.
    pub(super) fn release(&self) {
        drop(self.permit().take());
    }

    /// Answers when it has a slot again.
    pub(super) async fn regain(&self) {
        let received = {
            let mut returning = self.slots.returning();
            if let Some(permit) = self.slots.permit() {
                *self.permit() = Some(permit);
                return;
            }
            let (sender, received) = oneshot::channel();
            returning.push_back(sender);
            received
        };
        // The sender goes away with the permit alone.
        if let Ok(permit) = received.await {
            *self.permit() = Some(permit);
        }
    }

    /// Tells whether somebody waits for a slot to go on in.
    pub(super) fn is_wanted(&self) -> bool {
        self.slots.is_wanted()
    }

    /// Tells whether it was not given away.
    pub(super) fn is_held(&self) -> bool {
        self.permit().is_some()
    }

    fn permit(&self) -> MutexGuard<'_, Option<Permit>> {
        self.permit.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn who_goes_on_is_given_the_next_free_slot() {
        let slots = Slots::new(1, Arc::default());
        let first = slots.take().unwrap();
        assert!(slots.take().is_none());
        first.release();
        let second = slots.take().unwrap();
        let mut back = Box::pin(first.regain());
        assert!(back.as_mut().now_or_never().is_none());
        assert!(slots.is_wanted());
        drop(second);
        assert_eq!(slots.free(), 0, "it was handed over");
        back.await;
        drop(first);
        assert_eq!(slots.free(), 1);
    }

    #[tokio::test]
    async fn a_slot_is_not_lost_on_who_does_not_wait_any_more() {
        let slots = Slots::new(1, Arc::default());
        let (first, gone, late) = (slots.take().unwrap(), waiting(&slots), waiting(&slots));
        assert!(gone.regain().now_or_never().is_none());
        let mut handed = Box::pin(late.regain());
        assert!(handed.as_mut().now_or_never().is_none());
        drop(first);
        drop(handed);
        drop((gone, late));
        assert_eq!(slots.free(), 1);
    }

    fn waiting(slots: &Arc<Slots>) -> Slot {
        Slot { slots: Arc::clone(slots), permit: Mutex::default() }
    }
}
