//! Entries in TOML files.

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::{Entry, InstallError};

/// Puts `[table.name]` into a file.
///
/// # Errors
/// Where the file is no TOML, or the table is something else.
pub(super) fn put(text: &str, table: &str, entry: &Entry) -> Result<String, InstallError> {
    let mut whole: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        InstallError::NotUnderstood(error.message().to_owned())
    })?;
    let mut none = Table::new();
    // Its servers are tables of their own.
    none.set_implicit(true);
    let servers = whole.entry(table).or_insert(Item::Table(none));
    let servers = servers.as_table_mut().ok_or_else(|| InstallError::NoTable(table.to_owned()))?;
    let own = servers.entry(&entry.name).or_insert(Item::Table(Table::new()));
    let own = own
        .as_table_like_mut()
        .ok_or_else(|| InstallError::NoTable(format!("{table}.{}", entry.name)))?;
    let args: Array = entry.args.iter().collect();
    for (key, wanted) in [("command", value(&entry.command)), ("args", value(args))] {
        let same =
            own.get(key).is_some_and(|there| there.to_string().trim() == wanted.to_string().trim());
        if !same {
            own.insert(key, wanted);
        }
    }
    Ok(whole.to_string())
}
