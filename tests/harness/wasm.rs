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

/// An `errand:task/executor` in text. What is not said is what a well-behaved one does.
pub(crate) struct Native<'a> {
    pub(crate) description: &'a str,
    pub(crate) input_schema: &'a str,
    pub(crate) output_schema: &'a str,
    /// Instructions of `describe`, before it answers.
    pub(crate) describe: &'a str,
    /// Instructions of `run`, which leave the address of its answer.
    pub(crate) run: &'a str,
    /// What lies from address 64 on.
    pub(crate) data: &'a [u8],
}

impl Default for Native<'_> {
    fn default() -> Self {
        Self {
            description: "",
            input_schema: "{}",
            output_schema: "{}",
            describe: "",
            // A tag, an address and a length: `null`.
            run:
                "(i32.store (i32.const 36) (i32.const 64)) (i32.store (i32.const 40) (i32.const 4))
                  (i32.const 32)",
            data: b"null",
        }
    }
}

impl Native<'_> {
    pub(crate) fn build(&self) -> Vec<u8> {
        const DATA: usize = 64;
        let mut data = self.data.to_vec();
        let mut answer = Vec::new();
        for text in [self.description, self.input_schema, self.output_schema] {
            answer.extend(u32::try_from(DATA + data.len()).expect("it is small").to_le_bytes());
            answer.extend(u32::try_from(text.len()).expect("it is small").to_le_bytes());
            data.extend(text.as_bytes());
        }
        let free = DATA + data.len();
        let pages = free / 65_536 + 20;
        from_text(&format!(
            r#"(component
                 (type $descriptor (record
                   (field "description" string) (field "input-schema" string)
                   (field "output-schema" string)))
                 (export $descriptor' "descriptor" (type $descriptor))
                 (type $persistence (enum "permanent" "transient"))
                 (export $persistence' "persistence" (type $persistence))
                 (type $failure (record
                   (field "code" string) (field "message" string)
                   (field "detail" (option string)) (field "persistence" $persistence')))
                 (export $failure' "failure" (type $failure))
                 (core module $main
                   (memory (export "memory") {pages})
                   (data (i32.const 0) "{}")
                   (data (i32.const {DATA}) "{}")
                   (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                     (i32.and (i32.const {}) (i32.const -8)))
                   (func (export "describe") (result i32) {} (i32.const 0))
                   (func (export "run") (param i32 i32) (result i32) {}))
                 (core instance $main (instantiate $main))
                 (func (export "describe") (result $descriptor')
                   (canon lift (core func $main "describe") (memory (core memory $main "memory"))))
                 (func (export "run")
                   (param "input" string) (result (result string (error $failure')))
                   (canon lift (core func $main "run") (memory (core memory $main "memory"))
                     (realloc (core func $main "realloc")))))"#,
            escaped(&answer),
            escaped(&data),
            free + 8,
            self.describe,
            self.run,
        ))
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
