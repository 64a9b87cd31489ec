//! Who uses git on this machine, by their own configuration of it.

use errand_core::UnixMillis;

use super::commit::Author;
use super::repository::Repository;
use crate::{StartError, StopFlag};

impl Repository {
    /// Returns who makes commits in it according to the configuration of whoever runs this process;
    /// nothing where that says no name or no address.
    ///
    /// # Errors
    /// [`StartError::Refused`] where the configuration can't be read.
    pub fn configured_author(
        &self,
        at: UnixMillis,
        stop: &StopFlag,
    ) -> Result<Option<Author>, StartError> {
        let said = |key: &str| {
            let call = self.own(&self.git_dir, stop)?.with_personal_configuration();
            let answer = call.args(&["config", "--get", key]).answer(stop)?;
            if !answer.success && !answer.complaint.is_empty() {
                return Err(answer.complaint.refusal("config"));
            }
            let value = String::from_utf8_lossy(&answer.output).trim().to_owned();
            Ok(Some(value).filter(|value| !value.is_empty()))
        };
        let (name, email) = (said("user.name")?, said("user.email")?);
        Ok(name.zip(email).map(|(name, email)| Author { name, email, at }))
    }
}
