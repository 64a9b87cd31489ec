//! What is done with a store that no server has open: check it, back it up, make one from a backup.

use std::io::{Read, Write};

use anyhow::Context;
use errand_core::Store;
use errand_store::{RestoreError, Restored};

use super::{parts, runtime};
use crate::data_dir::DataDir;
use crate::errors::{CommandError, Exit, Result};

/// Checks all that is stored; nothing where there is no store.
pub(crate) fn verify(data: &DataDir) -> Result<Option<Vec<errand_store::Finding>>> {
    if !exists(data)? {
        return Ok(None);
    }
    let store = parts::open_store(data)?;
    runtime("errand-doctor", 1)?.block_on(async {
        let findings = store.verify().await.context("verify the store")?;
        store.close().await.context("close the store")?;
        Ok(Some(findings))
    })
}

/// Writes a backup.
pub(crate) fn back_up(data: &DataDir, out: Box<dyn Write + Send>) -> Result<()> {
    if !exists(data)? {
        let path = data.path().display();
        return Err(CommandError::not_found(format_args!("there is no store in `{path}`")).hint(
            "say where it is with `--data DIR`, or which server has it with `--server URL`",
        ));
    }
    let store = parts::open_store(data)?;
    runtime("errand-backup", 1)?.block_on(async {
        store.backup(out).await.context("back up")?;
        Ok(store.close().await.context("close the store")?)
    })
}

/// Makes the store of a data directory from a backup, or leaves nothing.
pub(crate) fn restore(data: &DataDir, backup: impl Read) -> Result<Restored> {
    let restored =
        runtime("errand-restore", 1)?.block_on(errand_store::restore(backup, &data.store()));
    restored.map_err(|error| match &error {
        RestoreError::NotABackup(_) => CommandError::usage(error),
        RestoreError::Damaged(_) | RestoreError::Inconsistent(_) => {
            CommandError::refused(error).hint("nothing was restored; take another backup")
        }
        RestoreError::Exists(_) => CommandError::refused(error),
        RestoreError::NoSpace => CommandError::refused(error).hint("make room on its disk"),
        RestoreError::Io(_) => CommandError::new(Exit::Internal, error),
    })
}

fn exists(data: &DataDir) -> Result<bool> {
    Ok(data.mode("store").context("look for the store")?.is_some())
}
