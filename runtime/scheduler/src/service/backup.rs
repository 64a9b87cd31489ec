//! Backups, for whoever administers everything.

use std::io::Write;

use super::{Caller, Right, Service, ServiceError};

impl Service {
    /// Writes all that is stored, of every namespace, as it is at one moment from now, while everything
    /// goes on.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without the right `admin` for all namespaces;
    /// [`ServiceError::Unsupported`] where the store is backed up by other means; what `out` fails with.
    pub async fn backup(
        &self,
        caller: &Caller,
        out: Box<dyn Write + Send>,
    ) -> Result<(), ServiceError> {
        self.may_back_up(caller)?;
        Ok(self.store().backup(out).await?)
    }

    /// Refuses who may not make backups.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub fn may_back_up(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.require(Right::Admin)?;
        match &caller.namespace {
            None => Ok(()),
            Some(namespace) => Err(ServiceError::Forbidden {
                message: format!(
                    "a backup holds every namespace, and this token is for `{namespace}` alone"
                ),
            }),
        }
    }
}
