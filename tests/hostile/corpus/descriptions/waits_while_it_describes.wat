;; Waits for a hundred years before it describes itself.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $pollable' (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable'))))))
  (type $descriptor (record
    (field "description" string) (field "input-schema" string) (field "output-schema" string)))
  (export $descriptor' "descriptor" (type $descriptor))
  (type $persistence (enum "permanent" "transient"))
  (export $persistence' "persistence" (type $persistence))
  (type $failure (record
    (field "code" string) (field "message" string)
    (field "detail" (option string)) (field "persistence" $persistence')))
  (export $failure' "failure" (type $failure))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $main
    (import "host" "block" (func $block (param i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "describe") (result i32)
      (call $block (call $subscribe (i64.const 3153600000000000000)))
      (i32.const 0))
    (func (export "run") (param i32 i32) (result i32) (i32.const 32)))
  (core instance $main (instantiate $main (with "host" (instance
    (export "block" (func $block)) (export "subscribe" (func $subscribe))))))
  (func (export "describe") (result $descriptor')
    (canon lift (core func $main "describe") (memory (core memory $main "memory"))))
  (func (export "run") (param "input" string) (result (result string (error $failure')))
    (canon lift (core func $main "run") (memory (core memory $main "memory"))
      (realloc (core func $main "realloc")))))
