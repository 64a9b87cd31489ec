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

/// An executor of the native world with schemas of one's own, which answers the same whatever it is given.
pub(crate) fn native(input_schema: &str, output_schema: &str, output: &str) -> Vec<u8> {
    let texts = ["Answers.", input_schema, output_schema, output];
    let (mut at, mut data, mut places) = (1_024, String::new(), Vec::new());
    for text in texts {
        let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        data.push_str(&format!("(data (i32.const {at}) \"{bytes}\")\n"));
        places.push(format!("{}{}", word(at), word(text.len())));
        at += text.len();
    }
    from_text(&format!(
        r#"(component
             (type $execution (instance
               (type $d (record (field "description" string)
                 (field "input-schema" string) (field "output-schema" string)))
               (export "descriptor" (type (eq $d)))
               (type $p (enum "permanent" "transient"))
               (export "persistence" (type $persistence (eq $p)))
               (type $f (record (field "code" string) (field "message" string)
                 (field "detail" (option string)) (field "persistence" $persistence)))
               (export "failure" (type (eq $f)))))
             (import "errand:task/execution@0.1.0" (instance $execution (type $execution)))
             (alias export $execution "descriptor" (type $descriptor))
             (alias export $execution "failure" (type $failure))
             (core module $main
               (memory (export "memory") 2)
               ;; Where the texts are: three of the description, and the result after its tag.
               (data (i32.const 16) "{description}")
               (data (i32.const 64) "\00\00\00\00{result}")
               {data}
               (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
               (func (export "describe") (result i32) (i32.const 16))
               (func (export "run") (param i32 i32) (result i32) (i32.const 64)))
             (core instance $main (instantiate $main))
             (func $describe (result $descriptor)
               (canon lift (core func $main "describe") (memory (core memory $main "memory"))))
             (func $run (param "input" string) (result (result string (error $failure)))
               (canon lift (core func $main "run") (memory (core memory $main "memory"))
                 (realloc (core func $main "realloc"))))
             (export "describe" (func $describe))
             (export "run" (func $run)))"#,
        description = places[..3].concat(),
        result = places[3],
    ))
}

/// A number of 32 bits, as a text of WebAssembly writes bytes.
fn word(number: usize) -> String {
    let number = u32::try_from(number).expect("texts are short");
    number.to_le_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect()
}
