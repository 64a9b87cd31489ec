;; Has the host put an answer at an odd address.
(component
  (import "wasi:random/random@0.2.0" (instance $chance
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (core func $random
    (canon lower (func $chance "get-random-bytes")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $main
    (import "host" "random" (func $random (param i64 i32)))
    (func (export "run") (result i32)
      (call $random (i64.const 64) (i32.const 17))
      (i32.const 0)))
  (core instance $main
    (instantiate $main (with "host" (instance (export "random" (func $random))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
