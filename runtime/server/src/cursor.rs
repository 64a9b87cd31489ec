//! Cursors: where the next part of a list begins. Clients pass them on and read nothing in them.

use errand_core::TaskId;

/// What leads each cursor: another encoding gets another letter, and old cursors are refused.
const VERSION: char = 'a';

/// Writes the cursor of a list of tasks.
pub(crate) fn of_task(id: TaskId) -> String {
    of_key(&id.to_bytes())
}

/// Reads what [`of_task`] wrote.
///
/// # Errors
/// When it is no cursor of a list of tasks.
pub(crate) fn task(cursor: &str) -> Result<TaskId, String> {
    key(cursor)?.try_into().map(TaskId::from_bytes).map_err(|_| bad())
}

/// Writes the cursor of a list that is sorted by a key.
pub(crate) fn of_key(key: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut cursor = String::with_capacity(1 + key.len() * 2);
    cursor.push(VERSION);
    for byte in key {
        write!(cursor, "{byte:02x}").expect("writing to a string does not fail");
    }
    cursor
}

/// Reads what [`of_key`] wrote.
///
/// # Errors
/// When it is no cursor.
pub(crate) fn key(cursor: &str) -> Result<Vec<u8>, String> {
    let digits = cursor.strip_prefix(VERSION).ok_or_else(bad)?.as_bytes();
    if digits.len() % 2 != 0 {
        return Err(bad());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect::<Option<_>>()
        .ok_or_else(bad)
}

fn bad() -> String {
    "is not a cursor that this list gave".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_is_refused() {
        let id = TaskId::from_parts(1_234_567, 89);
        assert_eq!(task(&of_task(id)), Ok(id));
        assert_eq!(key(&of_key("default/py".as_bytes())).as_deref(), Ok("default/py".as_bytes()));
        for bad in ["", "a0", "axx", "b00", "a00", &format!("{}00", of_task(id))] {
            assert!(task(bad).is_err(), "{bad:?} was read");
        }
    }
}
