//! Small programs of WASI preview 1, written as text.

/// Translates WebAssembly text.
pub(crate) fn from_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A program that ends at once. Programs of another mark have other bytes.
pub(crate) fn ends_at_once(mark: &str) -> Vec<u8> {
    program(mark, "")
}

/// A program that loops for ever without a call.
pub(crate) fn loops(mark: &str) -> Vec<u8> {
    program(mark, "(loop br 0)")
}

/// A program that counts to a number and ends.
pub(crate) fn counts_to(count: u64) -> Vec<u8> {
    let body = format!(
        "(local i64)
         (loop
           (local.set 0 (i64.add (local.get 0) (i64.const 1)))
           (br_if 0 (i64.lt_u (local.get 0) (i64.const {count}))))"
    );
    program("counts", &body)
}

/// A program of one function.
pub(crate) fn program(mark: &str, body: &str) -> Vec<u8> {
    from_text(&format!(
        r#"(module
             (@custom "mark" "{mark}")
             (memory (export "memory") 1)
             (func (export "_start") {body}))"#
    ))
}

/// A program made of many instances of one core module, called `$part` in the text that defines it, and
/// of one more that does what `body` says.
pub(crate) fn component_of_parts(part: &str, count: usize, body: &str) -> Vec<u8> {
    let parts = "(core instance (instantiate $part))\n".repeat(count);
    from_text(&format!(
        r#"(component
             {part}
             {parts}
             (core module $main (func (export "run") (result i32) {body} (i32.const 0)))
             (core instance $main (instantiate $main))
             (func $run (result (result)) (canon lift (core func $main "run")))
             (instance $cli (export "run" (func $run)))
             (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    ))
}
